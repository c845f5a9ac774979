"""Writes what is answered in one turn of the event loop to the log, before it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlwright.core.errors import RemoteError
from mlwright.predictions.outcomes import STEM as OUTCOMES
from mlwright.predictions.segment import Segment, Sync

from .complaints import complain
from .spec import LogPolicy

PREDICTIONS = "predictions"
MIRRORS = "mirrors"
EVERY = 1.0  # seconds between two writes to the disk itself


class Journal:
    """The logs of one worker.

    A process that dies loses no answer that it gave: its lines were written before.
    """

    def __init__(self, folder: Path, policy: LogPolicy | None = None) -> None:
        self.policy = policy or LogPolicy()
        self._later = self.policy.sync == "interval"
        sync: Sync = "later" if self._later else "always"
        self._predictions = Segment(folder, PREDICTIONS, sync=sync)
        self._outcomes = Segment(folder, OUTCOMES, sync=sync)
        self._mirrors = Segment(folder, MIRRORS)
        self._since: float | None = None  # when the oldest line was written that no disk has yet
        self._disk = ThreadPoolExecutor(1, "mlwright-disk")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lag(self) -> float:
        """Return the seconds of predictions that a power loss would take."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def write(self, lines: Sequence[bytes], outcomes: Sequence[bytes] = ()) -> None:
        """Write the lines of a turn: all of them, or none.

        Raises:
            RemoteError: the disk refuses; nothing was kept.
        """
        if lines:
            self._predictions.append(lines)
        if outcomes:
            try:
                self._outcomes.append(outcomes)
            except RemoteError:
                if lines:
                    self._predictions.take_back()
                raise
        if self._later and self._since is None and (lines or outcomes):
            self._since = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._sync)

    def write_copies(self, lines: Sequence[bytes]) -> None:
        """Write what was predicted for copies of requests; nobody waits for these answers."""
        with contextlib.suppress(RemoteError):
            self._mirrors.append(lines)

    def close(self) -> None:
        """Close the files, when the disk has them."""
        if self._timer is not None:
            self._timer.cancel()
            self._sync()
        self._disk.shutdown()
        self._predictions.close()
        self._outcomes.close()
        self._mirrors.close()

    def _sync(self) -> None:
        self._since = self._timer = None
        files = self._predictions.unsynced() + self._outcomes.unsynced()
        self._disk.submit(_bring_to_disk, files)


def _bring_to_disk(files: list[int]) -> None:
    for file in files:
        try:
            os.fdatasync(file)
        except OSError as exc:
            complain("disk", f"the disk did not take a part of the log: {exc.strerror}")
        finally:
            os.close(file)
