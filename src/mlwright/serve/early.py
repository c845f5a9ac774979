"""A worker's interpreter that loads while its command still finds out what it is to serve.

Nothing heavy may be imported here: this is what a command does first.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Sequence

OPTION = "--from="
_SOCKETS = 2
_LONGEST = 1 << 20


class Early:
    """A worker that waits to be told what it is; it ends when nobody tells it."""

    def __init__(self) -> None:
        self._told, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "mlwright.serve.worker", f"{OPTION}{number}"]
            self.process = subprocess.Popen(command, pass_fds=[number], stdin=subprocess.DEVNULL)
        self._free = True

    def __enter__(self) -> Early:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if it was not told anything."""
        if self._free:
            self.process.kill()
            self.process.wait()
            self._told.close()

    def tell(self, spec: bytes, sockets: Sequence[int]) -> subprocess.Popen[bytes]:
        """Let it be the worker of a spec, with these sockets; it is the caller's from now on.

        Args:
            spec: a `WorkerSpec` as JSON, whose sockets are places in `sockets`.
            sockets: descriptors.
        """
        self._free = False
        # A worker that has ended already is seen by whoever waits for it.
        with self._told, contextlib.suppress(BrokenPipeError):
            sent = socket.send_fds(self._told, [spec], list(sockets))
            self._told.sendall(spec[sent:])
        return self.process


def told(number: int) -> tuple[bytes, list[int]]:
    """Wait for what `Early.tell` says, and return it; nothing where nobody is left to say it."""
    with socket.socket(fileno=number) as sock:
        spec, sockets, _, _ = socket.recv_fds(sock, _LONGEST, _SOCKETS)
        while part := sock.recv(_LONGEST):
            spec += part
    return spec, sockets
