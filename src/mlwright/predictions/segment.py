"""An append-only log file that only this process writes, and never leaves half a line in."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mlwright.core import clock
from mlwright.core.errors import RemoteError

SIZE = 64 * 1024 * 1024
HOUR = 3600.0

Sync = Literal["never", "later", "always"]


class Segment:
    """The writer of `<stem>-<time>-<pid>.jsonl` in a folder.

    A file that is full, or of an hour that is over, is followed by a new one, made by the first
    line. What `append` returned from survives the death of the process: it is in the hands of the
    operating system. The disk itself has it then with `sync="always"`, or when who gave "later" has
    brought it there.
    """

    def __init__(self, folder: Path, stem: str, *, size: int = SIZE, sync: Sync = "never") -> None:
        self.folder = folder
        self.stem = stem
        self._limit = size
        self._sync = sync
        self._file: int | None = None
        self._hour = 0.0
        self._length = self._before = 0
        self._ended: list[int] = []

    def append(self, lines: Sequence[bytes]) -> None:
        """Write all lines with one system call, or none of them.

        Raises:
            RemoteError: the disk is full or refuses; nothing of these lines is kept.
        """
        data = b"".join(lines)
        hour = clock.now() // HOUR
        try:
            if self._length >= self._limit or hour != self._hour:
                self._end()
                self._hour = hour
            file = self._file if self._file is not None else self._open()
            self._before = self._length
            self._write(file, data)
            if self._sync == "always":
                os.fdatasync(file)
        except OSError as exc:
            self._shorten(self._length)
            raise self._refused(exc) from exc
        self._length += len(data)

    def take_back(self) -> None:
        """Remove what the last `append` wrote: what belongs with it could not be written."""
        self._shorten(self._before)

    def unsynced(self) -> list[int]:
        """Return descriptors to bring to the disk and close, in whatever thread: "later"."""
        copies = [] if self._file is None else [os.dup(self._file)]
        ended, self._ended = self._ended, []
        return ended + copies

    def close(self) -> None:
        """Close the file; the next line begins another."""
        self._end()
        for file in self._ended:
            os.close(file)
        self._ended = []

    def _end(self) -> None:
        if self._file is not None and self._sync == "later":
            self._ended.append(self._file)
        elif self._file is not None:
            os.close(self._file)
        self._file, self._length, self._before = None, 0, 0

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.stem}-{time.time_ns():020d}-{os.getpid()}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o640)
        return self._file

    @staticmethod
    def _write(file: int, data: bytes) -> None:
        written = os.write(file, data)
        while written < len(data):  # a nearly full disk takes a part, then refuses the rest
            written += os.write(file, memoryview(data)[written:])

    def _shorten(self, length: int) -> None:
        if self._file is None:
            return
        self._length = length
        try:
            os.ftruncate(self._file, length)
        except OSError:
            with contextlib.suppress(OSError):
                self.close()

    def _refused(self, exc: OSError) -> RemoteError:
        return RemoteError(
            f"the log in {self.folder} cannot be written: {exc.strerror}",
            hint="make room on that disk; the log goes on by itself",
        )
