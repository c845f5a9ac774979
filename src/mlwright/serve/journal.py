"""Writes the answers of one turn of the event loop to the log together, before they leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from mlwright.core.errors import RemoteError
from mlwright.predictions.outcomes import STEM as OUTCOMES
from mlwright.predictions.segment import Segment

PREDICTIONS = "predictions"


class Journal:
    """The logs of one worker. Await what `append` returns before you answer.

    A process that dies loses no answer that it gave: its lines were written before.
    """

    def __init__(self, folder: Path) -> None:
        self._predictions = Segment(folder, PREDICTIONS)
        self._outcomes = Segment(folder, OUTCOMES)
        self._lines: list[bytes] = []
        self._ends: list[bytes] = []
        self._turn: asyncio.Future[None] | None = None

    def append(self, lines: Sequence[bytes], outcome: bytes | None = None) -> asyncio.Future[None]:
        """Take the lines of one answer; they are written at the end of this turn.

        The future raises RemoteError when the disk refuses: then nothing was kept.
        """
        self._lines += lines
        if outcome is not None:
            self._ends.append(outcome)
        if self._turn is None:
            loop = asyncio.get_running_loop()
            self._turn = loop.create_future()
            loop.call_soon(self._write)
        return self._turn

    def close(self) -> None:
        """Close the files."""
        self._predictions.close()
        self._outcomes.close()

    def _write(self) -> None:
        turn, lines, ends = self._turn, self._lines, self._ends
        self._turn, self._lines, self._ends = None, [], []
        assert turn is not None  # noqa: S101
        try:
            if lines:
                self._predictions.append(lines)
            if ends:
                self._outcomes.append(ends)
        except RemoteError as exc:
            if not turn.done():
                turn.set_exception(exc)
                turn.exception()  # told to whoever waits; nobody may be left
        else:
            if not turn.done():
                turn.set_result(None)
