"""Hands a worker's listening socket to whoever takes over from a supervisor that died.

So that there is one socket as long as the environment runs, and no connection waits in the queue
of another that nobody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

SUFFIX = ".fd"


class Handover:
    """Gives a copy of a socket to every process of ours that connects to `path`."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        self._path = path
        self._given = listener.dup()  # its own: the worker may close the other when it leaves
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.setblocking(False)
        before = os.umask(0o077)
        try:
            self._door.bind(str(path))
        finally:
            os.umask(before)
        self._door.listen(4)

    def start(self) -> None:
        """Begin to give."""
        asyncio.get_running_loop().add_reader(self._door.fileno(), self._give)

    def close(self) -> None:
        """Give no more."""
        asyncio.get_running_loop().remove_reader(self._door.fileno())
        self._door.close()
        self._given.close()
        self._path.unlink(missing_ok=True)

    def _give(self) -> None:
        with contextlib.suppress(OSError):
            taker, _ = self._door.accept()
            with taker:
                socket.send_fds(taker, [b"x"], [self._given.fileno()])


def received(path: Path, *, seconds: float = 2.0) -> socket.socket | None:
    """Return the listening socket of the worker whose handover is at this path, if it gives it."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(seconds)
        try:
            asking.connect(str(path))
            _, descriptors, _, _ = socket.recv_fds(asking, 1, 1)
        except OSError:
            return None
    return socket.socket(fileno=descriptors[0]) if descriptors else None
