"""Reads the outcomes of a rollout as they are written."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .lines import Outcome

STEM = "outcomes"


class OutcomeReader:
    """Follows all outcome files of an environment and gives each outcome of a release once.

    A new reader begins at the beginning, so that whoever restarts counts the same again.
    """

    def __init__(self, folder: Path, release: int) -> None:
        self._folder = folder
        self._release = release
        self._read: dict[Path, int] = {}
        self._decoder = msgspec.json.Decoder(Outcome)
        self.skipped = 0

    def new(self) -> list[Outcome]:
        """Return what was written since the last call, by time; half a line waits for its end."""
        found: list[Outcome] = []
        for path in sorted(self._folder.glob(f"{STEM}-*.jsonl")):
            found += self._tail(path)
        return sorted(found, key=lambda outcome: outcome.time)

    def _tail(self, path: Path) -> list[Outcome]:
        start = self._read.get(path, 0)
        if path.stat().st_size == start:
            return []
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[path] = start + len(whole)
        parsed = [self._parse(text) for text in whole.splitlines()]
        return [each for each in parsed if each is not None and each.release == self._release]

    def _parse(self, text: bytes) -> Outcome | None:
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.skipped += 1
            return None
