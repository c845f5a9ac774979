"""`mlwright serve`: one model version in the foreground, on a port, by worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import MlwrightError, RemoteError

from .client import Client
from .ports import refused
from .worker import GRACE, IDLE, WorkerSpec

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.track.models import ModelVersion

START = 30.0
_ROOM = 5.0


def serve(
    workspace: Workspace | None,
    version: ModelVersion,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    log_folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; a worker that dies is replaced.

    The log goes to `log_folder`, by default the workspace's `serve/<model>/log`, or `./log`.

    Raises:
        Busy: the port is taken.
        ConfigError: the host is not one of this machine.
        BundleError: the bundle is damaged.
        MlwrightError: the workers cannot start.
    """
    Bundle.open(version.bundle)
    if log_folder is None:
        base = workspace.folder / "serve" / version.model if workspace else Path.cwd()
        log_folder = base / "log"
    with listen(host, port) as sock, tempfile.TemporaryDirectory(prefix="mlw-") as folder:
        fleet = _Fleet(version, sock, log_folder, Path(folder))
        with _ended_by_signals():
            try:
                fleet.start(workers)
                say(f"{version} answers on {_url(host, sock)}/predict; the log is {log_folder}")
                fleet.watch()
            except KeyboardInterrupt:
                pass
            finally:
                fleet.stop()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        Busy: the port is taken.
        ConfigError: the host or port cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        raise refused(host, port, exc) from exc


class _Fleet:
    """The worker processes of a foreground server."""

    def __init__(
        self, version: ModelVersion, sock: socket.socket, log_folder: Path, folder: Path
    ) -> None:
        self._version = version
        self._sock = sock
        self._log_folder = log_folder
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}

    def start(self, workers: int) -> None:
        for place in range(workers):
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
        return MlwrightError(f"a worker of {self._version} ended with code {code}")

    def _spawn(self, place: int) -> None:
        spec = WorkerSpec(
            bundle=str(self._version.bundle),
            model=self._version.model,
            version=self._version.version,
            environment="",
            log_folder=str(self._log_folder),
            socket=str(self._folder / f"{place}.sock"),
            pid_file=str(self._folder / f"{place}.pid"),
            listen_fd=self._sock.fileno(),
            parent_pid=os.getpid(),
            accept=True,
            tied=True,
        )
        path = self._folder / f"{place}.json"
        path.write_bytes(msgspec.json.encode(spec))
        command = [sys.executable, "-m", "mlwright.serve.worker", str(path)]
        self._started[place] = time.monotonic()
        self._processes[place] = subprocess.Popen(
            command, pass_fds=[self._sock.fileno()], stdin=subprocess.DEVNULL
        )

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


def _url(host: str, sock: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{sock.getsockname()[1]}"
