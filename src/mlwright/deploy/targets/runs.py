"""One run of a worker: a child process of ours, or what an earlier supervisor left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mlwright.serve.spec import WorkerSpec

from .. import processes


class Run(Protocol):
    """A worker from its start to its end, wherever it runs."""

    def ended(self) -> str | None:
        """Say how it ended, when it did."""

    def kill(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""


Launch = Callable[[WorkerSpec, Path, Path], Run]
"""Starts a worker with a spec, which lies in a file, and appends what it says to another one."""


class Child:
    """A process that we started, so that we learn how it ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ended(self) -> str | None:
        """Say by which exit code or signal it ended."""
        code = self._process.poll()
        return None if code is None else said(code)

    def kill(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)


class Left:
    """A process that an earlier supervisor started: the lock on its pid file says if it lives."""

    def __init__(self, pid_file: Path) -> None:
        self._pid_file = pid_file

    def ended(self) -> str | None:
        """Say that it ended; why, only its parent knew."""
        return None if processes.living(self._pid_file) else "an unknown signal"

    def kill(self, number: int) -> None:
        """Send it a signal."""
        if process := processes.living(self._pid_file):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def child(spec: WorkerSpec, file: Path, log: Path) -> Run:
    """Start a worker as a process of this machine, in a session of its own."""
    descriptor = spec.listen_fd
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlwright.serve.worker", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=[] if descriptor is None else [descriptor],
            start_new_session=True,
        )
    return Child(process)


def said(code: int) -> str:
    """Say how a process ended.

    >>> said(-9), said(2)
    ('signal 9', 'exit code 2')
    """
    return f"signal {-code}" if code < 0 else f"exit code {code}"
