"""An append-only log file that only this process writes, and never leaves half a line in."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from mlwright.core.errors import RemoteError

SIZE = 64 * 1024 * 1024


class Segment:
    """The writer of `<stem>-<time>-<pid>.jsonl` in a folder; a full file is followed by a new one.

    The file is made by the first line. What `append` returned from survives the death of the
    process: it is in the hands of the operating system.
    """

    def __init__(self, folder: Path, stem: str, *, size: int = SIZE) -> None:
        self.folder = folder
        self.stem = stem
        self._limit = size
        self._file: int | None = None
        self._length = 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Write all lines with one system call, or none of them.

        Raises:
            RemoteError: the disk is full or refuses; nothing of these lines is kept.
        """
        data = b"".join(lines)
        try:
            file = self._file if self._file is not None else self._open()
            self._write(file, data)
        except OSError as exc:
            self._undo()
            raise RemoteError(
                f"the log in {self.folder} cannot be written: {exc.strerror}",
                hint="make room on that disk; the log goes on by itself",
            ) from exc
        self._length += len(data)
        if self._length >= self._limit:
            self.close()

    def close(self) -> None:
        """Close the file; the next line begins another."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._length = None, 0

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

    def _undo(self) -> None:
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            with contextlib.suppress(OSError):
                self.close()
