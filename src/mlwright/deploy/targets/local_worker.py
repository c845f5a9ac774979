"""One worker process of the local target, and what it was last told."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mlwright.core.errors import MlwrightError, RemoteError
from mlwright.core.files import write_atomic
from mlwright.serve.client import Client
from mlwright.serve.worker import WorkerSpec

_PATIENCE = 2.0  # seconds for an answer to a word of ours
_SLOWEST = 5.0  # seconds between two starts of a worker that dies again and again


@dataclass
class LocalWorker:
    """A worker that is started anew when it died; `spec` is what `serve.worker` reads.

    `deaths` counts those since it was last ready.
    """

    spec: WorkerSpec
    file: Path
    log: Path
    ready: bool = False
    was_ready: bool = False
    deaths: int = 0
    last_death: str = ""
    routes: dict[str, Any] | None = None
    accepting: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _not_before: float = 0.0
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.spec.socket)

    @property
    def socket(self) -> str:
        """Return the path of its unix socket."""
        return self.spec.socket

    @property
    def pid_file(self) -> Path:
        """Return the file that its process locks."""
        return Path(self.spec.pid_file)

    async def keep(self) -> None:
        """Start it when it does not run, and find out whether it is ready."""
        if self._process is not None and self._process.poll() is not None:
            self._died(self._process.returncode)
        if self._process is None and time.monotonic() >= self._not_before:
            self._start()
        if self._process is not None and not self.ready:
            with contextlib.suppress(RemoteError):
                answer = await self.client.request("GET", "/health/ready", timeout=_PATIENCE)
                self.ready = answer.status == 200
                self.was_ready = self.was_ready or self.ready
                self.deaths = 0 if self.ready else self.deaths

    async def tell(self, routes: dict[str, Any], *, accept: bool) -> None:
        """Give it its routes, then let it accept or not; what it knows already is not sent."""
        if not self.ready:
            return
        with contextlib.suppress(RemoteError):  # it is dying: the next `keep` finds out
            if self.routes != routes:
                await self._post("/control/routes", routes)
                self.routes = routes
            if self.accepting != accept:
                await self._post("/control/accept", {"accept": accept})
                self.accepting = accept

    async def end(self, *, grace: float) -> None:
        """Let it finish what is in flight; kill it after `grace` seconds."""
        process, self._process = self._process, None
        self.ready = False
        if process is not None:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, grace)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        await self.client.close()
        self._remove_files()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        response = await self.client.request(
            "POST", path, msgspec.json.encode(body), timeout=_PATIENCE
        )
        if response.status != 200:
            raise MlwrightError(f"worker {self.socket}: {path} answered HTTP {response.status}")

    def _start(self) -> None:
        write_atomic(self.file, msgspec.json.encode(self.spec))
        Path(self.socket).unlink(missing_ok=True)
        descriptor = self.spec.listen_fd
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlwright.serve.worker", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=[] if descriptor is None else [descriptor],
                start_new_session=True,
            )

    def _died(self, code: int) -> None:
        self._process, self.ready = None, False
        self.routes, self.accepting = None, False
        self.deaths += 1
        self.last_death = f"signal {-code}" if code < 0 else f"exit code {code}"
        # At once the first time; then ever slower, to leave the machine to those that work.
        wait = 0.0 if self.deaths == 1 else min(_SLOWEST, 0.25 * 2**self.deaths)
        self._not_before = time.monotonic() + wait

    def _remove_files(self) -> None:
        for path in (self.file, self.pid_file, Path(self.socket)):
            path.unlink(missing_ok=True)
