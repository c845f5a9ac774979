"""A worker process: one version of a model behind a unix socket and, when it answers, TCP.

`python -m mlwright.serve.worker SPEC.json`, or what `serve.early` starts and tells the spec later.
SIGTERM ends it when what it began is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from mlwright.core.backends import require
from mlwright.core.errors import Busy, ConfigError, MlwrightError, RemoteError
from mlwright.core.secrets import reveal

from .applications import open_application
from .control import WorkerControl
from .early import OPTION, told
from .fleet import Fleet
from .gate import Gate
from .handler import Handler
from .handover import SUFFIX, Handover, received
from .http import secured
from .journal import Journal
from .listener import Listener
from .metrics import Metrics
from .router import Router
from .sides import Side, reading
from .spec import GRACE, IDLE, WorkerSpec, as_spec, read_spec

if TYPE_CHECKING:
    from .grpc_server import GrpcServer

_OBJECTS = 50_000
_SWITCH = 0.001  # seconds that a thread may compute before another, as the loop, has its turn
_HANDED_OVER = 10.0  # seconds for the listening socket to come


class Worker:
    """The parts of one worker, put together."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._metrics = metrics = Metrics()
        application = open_application(spec)
        application.warm()
        self._journal = Journal(Path(spec.log_folder), spec.log)
        gate = Gate([reveal(name) for name in spec.api_keys])
        self._handler = handler = Handler(application, self._journal, Router(), metrics, gate)
        self._fleet = Fleet(Path(spec.pid_file).parent, metrics, self._gauges)
        self._control = WorkerControl(handler, self._accept)
        shown = reading(handler, self._fleet.text)
        doors = {**application.doors()}
        apart = {each: door for each, door in shown.items() if each[1] != "/metrics"}
        public = {**doors, **(shown if spec.admin_fd is None else apart)}
        limit = spec.max_body
        self._public = Side(handler, public, limit=limit)
        private = Side(
            handler, {**doors, **shown, **self._control.doors()}, limit=limit, private=True
        )
        self._unix = Listener(private, _unix_socket(Path(spec.socket)))
        self._tcp: Listener | None = None
        self._admin: Listener | None = None
        self._handover: Handover | None = None
        sock = listening(spec)
        if sock is not None:
            tls = None if spec.tls is None else secured(spec.tls.certificate, spec.tls.key)
            self._tcp = Listener(self._public, sock, secured=tls)
            self._handover = Handover(Path(spec.socket + SUFFIX), sock)
        self._grpc = _grpc(spec, self._public)
        if spec.admin_fd is not None:
            admin = Side(handler, shown, limit=limit, private=True)
            self._admin = Listener(admin, socket.socket(fileno=spec.admin_fd))

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then let what is under way end."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._fleet.start()
        if self._handover is not None:
            self._handover.start()
        if self._admin is not None:
            await self._admin.start()
        await self._unix.start()
        if self._grpc is not None:
            await self._grpc.start()
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
        self._public.leaving = not wanted
        return self._tcp.accepting

    async def _drain(self) -> None:
        self._handler.stopping = True
        if self._handover is not None:
            self._handover.close()
        if self._grpc is not None:
            await self._grpc.stop(grace=GRACE)
        for listener in (self._tcp, self._unix, self._admin):
            if listener is not None:
                await listener.drain(idle=IDLE, grace=GRACE)
        self._handler.close()
        self._handler.router.close()
        self._fleet.stop()
        self._journal.close()
        Path(self._spec.socket).unlink(missing_ok=True)

    def _gauges(self) -> dict[str, float]:
        listeners = [each for each in (self._tcp, self._unix) if each is not None]
        return {
            "queue": self._handler.gate.inside,
            "connections": sum(each.connections for each in listeners),
            "log_lag_seconds": self._journal.lag,
        }


def _grpc(spec: WorkerSpec, side: Side) -> GrpcServer | None:
    """Return the server for gRPC, where one is wanted.

    Raises:
        MissingExtra: its packages are not installed.
    """
    if not spec.grpc:
        return None
    for package in ("grpc", "google.protobuf"):
        require(package, extra="grpc", needed_by="gRPC")
    from .grpc_server import GrpcServer

    return GrpcServer(side, spec.grpc, tls=spec.tls)


async def _gone(parent: int, stop: asyncio.Event) -> None:
    # The one that started us, not whose child we are now: it may have died while we loaded.
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    stop.set()


def listening(spec: WorkerSpec) -> socket.socket | None:
    """Return the socket to accept on, where there is one.

    Raises:
        RemoteError: nobody hands it over.
    """
    if spec.listen_fd is not None:
        return socket.socket(fileno=spec.listen_fd)
    if not spec.listen_from:
        return None
    sock = received(Path(spec.listen_from), seconds=_HANDED_OVER)
    if sock is None:
        raise RemoteError(f"no listening socket was handed over at {spec.listen_from}")
    return sock


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


def _settle() -> None:
    """Give back what loading needed, and spare requests the search for cycles among what stays."""
    gc.collect()
    gc.freeze()  # what was loaded lives as long as the process: never look at it again
    gc.set_threshold(_OBJECTS)  # requests make hardly any cycles
    sys.setswitchinterval(_SWITCH)
    with contextlib.suppress(AttributeError, OSError):  # of glibc
        ctypes.CDLL(None).malloc_trim(0)


def _spec(argument: str) -> WorkerSpec | None:
    """Return the spec of a file, or what another process tells; None: it told nothing."""
    if not argument.startswith(OPTION):
        return read_spec(Path(argument))
    text, sockets = told(int(argument.removeprefix(OPTION)))
    if not text:
        return None
    spec = as_spec(text, "what was told")
    places = {name: getattr(spec, name) for name in ("listen_fd", "admin_fd")}
    real = {name: sockets[place] for name, place in places.items() if place is not None}
    return msgspec.structs.replace(spec, **real)


def main(arguments: list[str]) -> int:
    """Run a worker; return the exit code."""
    try:
        found = _spec(arguments[0])
        if found is None:
            return 0
        spec = found
        _claim(spec)
        if spec.parent_pid is not None and os.getppid() != spec.parent_pid:
            return 0
        worker = Worker(spec)
        _settle()
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(worker.run())
    except MlwrightError as exc:
        print(f"{exc}\n{exc.hint}".strip(), file=sys.stderr, flush=True)
        return exc.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
