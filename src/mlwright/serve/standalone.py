"""`mlwright serve`: one model version in the foreground, on a port, by worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import ConfigError, MlwrightError, RemoteError
from mlwright.core.secrets import reveal

from .client import Client
from .early import Early
from .http import secured
from .ports import refused
from .spec import BODY, GRACE, IDLE, LogPolicy, Tls, WorkerSpec

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.track.models import ModelVersion

START = 60.0
_ROOM = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """How a server is to be: its addresses, its size, who may ask, and what is logged.

    `api_keys` are references, `env:NAME`. With `admin_port`, /metrics is there and not on `port`;
    with `grpc_port`, the Open Inference Protocol over gRPC is there too. `options` are for an
    application of another kind than a model, whose route to tell of is `path`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    admin_port: int | None = None
    grpc_port: int | None = None
    api_keys: tuple[str, ...] = ()
    max_body: int = BODY
    tls: Tls | None = None
    log: LogPolicy = field(default_factory=LogPolicy)
    trust: Trust = NOTHING
    log_folder: Path | None = None
    options: dict[str, str] = field(default_factory=dict)
    path: str = "/predict"


def serve(
    workspace: Workspace | None,
    version: ModelVersion,
    served: Served,
    *,
    say: Callable[[str], None] = lambda _: None,
    early: Early | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a worker that dies is replaced.

    The log goes to `log_folder`, by default the workspace's `serve/<model>/log`, or `./log`. The
    first worker is `early`, where there is one.

    Raises:
        Busy: the port is taken.
        ConfigError: the host is not one of this machine, a key is not set, TLS files are unfit.
        MlwrightError: the workers cannot start; they say why on standard error.
    """
    for name in served.api_keys:
        reveal(name)
    if served.tls is not None:
        check_tls(served.tls)
    log_folder = served.log_folder
    if log_folder is None:
        base = workspace.folder / "serve" / version.model if workspace else Path.cwd()
        log_folder = base / "log"
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(listen(served.host, served.port))
        admin = None
        if served.admin_port is not None:
            admin = stack.enter_context(
                listen(served.host, served.admin_port, option="--admin-port")
            )
        grpc = None
        if served.grpc_port is not None:
            grpc = stack.enter_context(reserve(served.host, served.grpc_port))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlw-")))
        fleet = _Fleet(version, served, log_folder, folder, sock, admin, grpc, early)
        with _ended_by_signals():
            try:
                fleet.start()
                url = _url(served, sock)
                told = f"{version} answers on {url}{served.path}; the log is {log_folder}"
                if admin is not None:
                    told += f"; metrics on {_url(served, admin, tls=False)}/metrics"
                if grpc is not None:
                    told += f"; gRPC on {_address(served, grpc)}"
                say(told)
                fleet.watch()
            except KeyboardInterrupt:
                pass
            finally:
                fleet.stop()


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Return a listening socket; port 0 takes a free one, and `option` is where it was named.

    Raises:
        Busy: the port is taken.
        ConfigError: the host or port cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        raise refused(host, port, exc, option=option) from exc


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that keeps a port for workers that each listen on it by themselves.

    Raises:
        Busy: the port is taken.
        ConfigError: the host or port cannot be listened on.
    """
    with listen(host, port, option="--grpc-port") as sock:
        family, address = sock.family, sock.getsockname()
    kept = socket.socket(family)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(address)
    return kept


class _Fleet:
    """The worker processes of a foreground server."""

    def __init__(
        self,
        version: ModelVersion,
        served: Served,
        log_folder: Path,
        folder: Path,
        sock: socket.socket,
        admin: socket.socket | None,
        grpc: socket.socket | None,
        early: Early | None,
    ) -> None:
        self._early = early
        self._version = version
        self._served = served
        self._sock = sock
        self._admin = admin
        self._grpc = grpc
        self._log_folder = log_folder
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}

    def start(self) -> None:
        for place in range(self._served.workers):
            self._spawn(place)
        asyncio.run(self._ready())

    def watch(self) -> None:
        while True:
            time.sleep(0.1)
            for place, process in self._processes.items():
                if process.poll() is not None:
                    self._replace(place)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + GRACE + 2 * IDLE + 1
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _replace(self, place: int) -> None:
        if time.monotonic() - self._started[place] < _ROOM:
            raise self._gave_up(place)
        self._spawn(place)

    def _gave_up(self, place: int) -> MlwrightError:
        code = self._processes[place].returncode
        error = MlwrightError(f"a worker of {self._version} ended with code {code}")
        if code in (2, 3, 4):  # what it said on standard error is the user's to mend
            error.exit_code = code
        return error

    def _spawn(self, place: int) -> None:
        served, sockets = self._served, [self._sock, self._admin]
        spec = WorkerSpec(
            bundle=str(self._version.bundle),
            model=self._version.model,
            version=self._version.version,
            environment="",
            log_folder=str(self._log_folder),
            socket=str(self._folder / f"{place}.sock"),
            pid_file=str(self._folder / f"{place}.pid"),
            listen_fd=0,
            parent_pid=os.getpid(),
            accept=True,
            tied=True,
            admin_fd=None if self._admin is None else 1,
            api_keys=served.api_keys,
            max_body=served.max_body,
            log=served.log,
            trust=served.trust,
            tls=served.tls,
            grpc="" if self._grpc is None else _address(served, self._grpc),
            options=served.options,
        )
        early, self._early = self._early or Early(), None
        given = [each.fileno() for each in sockets if each is not None]
        self._started[place] = time.monotonic()
        self._processes[place] = early.tell(msgspec.json.encode(spec), given)

    async def _ready(self) -> None:
        deadline = time.monotonic() + START
        for place, process in self._processes.items():
            async with Client(str(self._folder / f"{place}.sock")) as client:
                while not await _answers(client):
                    if process.poll() is not None:
                        raise self._gave_up(place)
                    if time.monotonic() > deadline:
                        raise MlwrightError(f"a worker of {self._version} did not get ready")
                    await asyncio.sleep(0.02)


async def _answers(client: Client) -> bool:
    try:
        return (await client.request("GET", "/health/ready", timeout=5)).status == 200
    except RemoteError:
        return False


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM end the foreground as Ctrl-C does."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _url(served: Served, sock: socket.socket, *, tls: bool = True) -> str:
    scheme = "https" if tls and served.tls is not None else "http"
    return f"{scheme}://{_address(served, sock)}"


def _address(served: Served, sock: socket.socket) -> str:
    shown = f"[{served.host}]" if ":" in served.host else served.host
    return f"{shown}:{sock.getsockname()[1]}"


def check_tls(tls: Tls) -> None:
    """Find out whether files are a certificate and its key.

    Raises:
        ConfigError: they are not.
    """
    import ssl

    try:
        secured(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as exc:
        found = exc.reason if isinstance(exc, ssl.SSLError) else exc.strerror
        reason = found or "they are no PEM files"
        raise ConfigError(
            f"{tls.certificate} and {tls.key} are no certificate and key for TLS: {reason}",
            hint="name a PEM file with the certificate chain, and one with its private key",
        ) from exc
