"""Reads the lines of one kind of log as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Tail(Generic[T]):
    """Follows all files `<stem>-*.jsonl` of a folder and gives each line once.

    A new one begins at the beginning, so that whoever restarts reads the same again. `kind` names
    the fields of a line that are wanted; what else it holds is passed over. Half a line waits for
    its end; a damaged one is counted in `skipped`. A file that was last written before `since`
    (seconds since 1970) is not opened.
    """

    def __init__(self, folder: Path, stem: str, kind: type[T], *, since: float = 0.0) -> None:
        self._folder = folder
        self._stem = stem
        self._since = since
        self._read: dict[Path, int] = {}
        self._decoder = msgspec.json.Decoder(kind)
        self.skipped = 0

    def new(self) -> list[T]:
        """Return what was written since the last call, file after file."""
        found: list[T] = []
        for path in sorted(self._folder.glob(f"{self._stem}-*.jsonl")):
            found += self._tail(path)
        return found

    def _tail(self, path: Path) -> list[T]:
        start, now = self._read.get(path, 0), path.stat()
        if now.st_size == start or now.st_mtime < self._since - 1:
            return []
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[path] = start + len(whole)
        parsed = [self._parse(text) for text in whole.splitlines()]
        return [each for each in parsed if each is not None]

    def _parse(self, text: bytes) -> T | None:
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.skipped += 1
            return None
