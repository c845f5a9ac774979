"""A worker process: one version of a model behind a unix socket and, when it answers, TCP.

`python -m mlwright.serve.worker SPEC.json`. SIGTERM ends it when what it began is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import Busy, ConfigError, MlwrightError

from .control import WorkerControl
from .handler import Handler
from .http import Listener
from .journal import Journal
from .metrics import Metrics
from .router import Router
from .tabular import Tabular

IDLE = 0.5
GRACE = 30.0


class WorkerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker is started with. `tied` ends it when its parent has died."""

    bundle: str
    model: str
    version: int
    environment: str
    log_folder: str
    socket: str
    pid_file: str
    listen_fd: int | None = None
    parent_pid: int | None = None
    accept: bool = False
    tied: bool = False


def read_spec(path: Path) -> WorkerSpec:
    """Read a worker's spec.

    Raises:
        ConfigError: it cannot be read, or says what a spec does not.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=WorkerSpec)
    except (OSError, msgspec.DecodeError) as exc:
        raise ConfigError(f"{path}: not a worker's spec: {exc}") from exc


class Worker:
    """The parts of one worker, put together."""

    def __init__(self, spec: WorkerSpec) -> None:
        metrics = Metrics()
        model = Tabular(Bundle.open(Path(spec.bundle)), spec.model, spec.version, metrics)
        self._spec = spec
        self._journal = Journal(Path(spec.log_folder))
        self._handler = Handler(model, self._journal, Router(), metrics)
        self._control = WorkerControl(self._handler, self._accept)
        self._handler.control = self._control
        self._unix = Listener(self._handler.private, _unix_socket(Path(spec.socket)))
        self._tcp: Listener | None = None
        if spec.listen_fd is not None:
            self._tcp = Listener(self._handler.public, socket.socket(fileno=spec.listen_fd))

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then let what is under way end."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self._unix.start()
        if self._spec.accept:
            await self._control.accept(True)
        parent = self._spec.parent_pid or os.getppid()
        tied = asyncio.ensure_future(_gone(parent, stop)) if self._spec.tied else None
        await stop.wait()
        if tied is not None:
            tied.cancel()
        await self._drain()

    async def _accept(self, wanted: bool) -> bool:
        if self._tcp is None:
            return False
        if wanted:
            await self._tcp.start()
        else:
            self._tcp.stop()
        return self._tcp.accepting

    async def _drain(self) -> None:
        self._handler.stopping = True
        if self._tcp is not None:
            await self._tcp.drain(idle=IDLE, grace=GRACE)
        await self._unix.drain(idle=IDLE, grace=GRACE)
        await self._handler.router.close()
        self._journal.close()
        Path(self._spec.socket).unlink(missing_ok=True)


async def _gone(parent: int, stop: asyncio.Event) -> None:
    # The one that started us, not whose child we are now: it may have died while we loaded.
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    stop.set()


def _unix_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of a dead worker: the lock on the pid file says so
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        before = os.umask(0o077)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
    except OSError as exc:
        raise ConfigError(
            f"the socket {path} cannot be made: {exc.strerror or exc}",
            hint="its path must be shorter than 100 characters, in a folder that can be written",
        ) from exc
    return sock


def _claim(spec: WorkerSpec) -> int:
    """Write the pid file and hold its lock for as long as this process lives."""
    path = Path(spec.pid_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"{path} is held by a worker that lives", hint="stop that one first") from None
    about = {"pid": os.getpid(), "version": spec.version, "socket": spec.socket}
    os.ftruncate(file, 0)
    os.write(file, msgspec.json.encode(about))
    return file


def main(arguments: list[str]) -> int:
    """Run a worker; return the exit code."""
    try:
        spec = read_spec(Path(arguments[0]))
        _claim(spec)
        if spec.parent_pid is not None and os.getppid() != spec.parent_pid:
            return 0
        worker = Worker(spec)
        gc.collect()
        gc.freeze()  # what was loaded lives as long as the process: never look at it again
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(worker.run())
    except MlwrightError as exc:
        print(f"{exc}\n{exc.hint}".strip(), file=sys.stderr, flush=True)
        return exc.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
