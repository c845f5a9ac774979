"""One run of a worker in a container, started and ended beside the supervisor's own work."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mlwright.core.errors import MlwrightError

from .. import processes
from ..engine import Engine
from .runs import said

_AT_ONCE = 8  # commands of the engine
_TRIES = 10.0  # seconds in which a container that is being made comes to be there
_REFUSED = 125  # the exit code of `run` when no container came of it
_EXECUTOR = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mlwright-engine")


class Container:
    """A container that we started, through the command that waits for its end."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        pid_file: Path,
        log: Path,
        arguments: Callable[[], list[str]],
    ) -> None:
        """Start it soon; `arguments` are those of `run`, worked out where waiting is no harm."""
        self._engine = engine
        self._name = name
        self._pid_file = pid_file
        self._log = log
        self._said_before = 0
        self._killed = False
        self._client: Future[subprocess.Popen[bytes]] = _EXECUTOR.submit(self._start, arguments)

    def ended(self) -> str | None:
        """Say by which exit code or signal it ended, or why it did not start."""
        if not self._client.done():
            return None
        if failure := self._client.exception():
            return _told(failure)
        code = self._client.result().poll()
        if code is None:
            return None
        if code < 0 or code == _REFUSED:  # perhaps it was the command alone that ended
            return None if processes.held(self._pid_file) else self._refusal(code)
        return said(128 - code if code > 128 else code)

    def kill(self, number: int) -> None:
        """Send it a signal, as soon as it is there; it does not begin any more."""
        self._killed = True
        _EXECUTOR.submit(self._send, number)

    def _start(self, arguments: Callable[[], list[str]]) -> subprocess.Popen[bytes]:
        command = [self._engine.command, "run", *arguments()]
        if self._killed:
            raise MlwrightError("it was ended before it began")
        self._pid_file.unlink(missing_ok=True)
        with self._log.open("ab") as out:
            self._said_before = out.tell()
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def _send(self, number: int) -> None:
        until = time.monotonic() + _TRIES
        while self.ended() is None and time.monotonic() < until:
            if signalled(self._engine, self._name, number):
                return
            time.sleep(0.2)

    def _refusal(self, code: int) -> str:
        with self._log.open("rb") as file:
            file.seek(self._said_before)
            lines = file.read().decode(errors="replace").strip().splitlines()
        if code == _REFUSED and lines:
            return f"{self._engine.name}'s refusal ({lines[-1].strip()})"
        return said(code)


class LeftContainer:
    """A container that an earlier supervisor started: the lock on its pid file says if it lives."""

    def __init__(self, engine: Engine, name: str, pid_file: Path) -> None:
        self._engine = engine
        self._name = name
        self._pid_file = pid_file

    def ended(self) -> str | None:
        """Say that it ended."""
        return None if processes.held(self._pid_file) else "an unknown signal"

    def kill(self, number: int) -> None:
        """Send it a signal."""
        _EXECUTOR.submit(signalled, self._engine, self._name, number)


def signalled(engine: Engine, name: str, number: int) -> bool:
    """Send a container a signal; return whether there was one."""
    with contextlib.suppress(MlwrightError):
        sent = signal.Signals(number).name
        engine.ask("kill", "--signal", sent, name, what=f"{name} cannot be sent {sent}")
        return True
    return False


def give(path: Path, user: int | None) -> None:
    """Make a container's user the owner of a path, where it is not our own."""
    if user is not None:
        os.chown(path, user, user)


def _told(failure: BaseException) -> str:
    return f"a failure ({failure})" if isinstance(failure, MlwrightError) else repr(failure)
