"""One worker process of the local target, and what it was last told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
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
from mlwright.serve.handover import SUFFIX
from mlwright.serve.spec import WorkerSpec

from .. import processes

_PATIENCE = 2.0  # seconds for an answer to a word of ours
_PULSE = 1.0  # seconds between two questions whether it lives
HANGS = 6.0  # seconds without an answer after which it counts as dead
_SLOWEST = 5.0  # seconds between two starts of a worker that dies again and again


@dataclass
class LocalWorker:
    """A worker that is started anew when it died or hangs; `spec` is what `serve.worker` reads.

    `deaths` counts those since it was last ready. One that is `adopted` was started by an earlier
    supervisor, and is no child of ours: the lock on its pid file says whether it lives.
    """

    spec: WorkerSpec
    file: Path
    log: Path
    adopted: bool = False
    ready: bool = False
    was_ready: bool = False
    deaths: int = 0
    last_death: str = ""
    routes: dict[str, Any] | None = None
    accepting: bool | None = False
    _process: subprocess.Popen[bytes] | None = None
    _pulse: asyncio.Task[None] | None = None
    _heard: float = 0.0
    _not_before: float = 0.0
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.spec.socket)
        self.was_ready = self.adopted
        if self.adopted:
            self.accepting = None  # nobody knows: it is told again
        self._heard = time.monotonic()

    @property
    def socket(self) -> str:
        """Return the path of its unix socket."""
        return self.spec.socket

    @property
    def pid_file(self) -> Path:
        """Return the file that its process locks."""
        return Path(self.spec.pid_file)

    async def keep(self) -> None:
        """Start it when it does not run, and find out whether it is ready, and still answers."""
        if (ended := self._ended()) is not None:
            self._died(ended)
        if not self._runs and time.monotonic() >= self._not_before:
            self._start()
        if self._runs and not self.ready:
            await self._ask_ready()
        elif self.ready:
            self._feel()

    @property
    def _runs(self) -> bool:
        return self.adopted or self._process is not None

    def _ended(self) -> str | None:
        """Say how it ended, when it did."""
        if self.adopted:
            return None if processes.living(self.pid_file) else "an unknown signal"
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    async def _ask_ready(self) -> None:
        with contextlib.suppress(RemoteError):
            answer = await self.client.request("GET", "/health/ready", timeout=_PATIENCE)
            self.ready = answer.status == 200
            self.was_ready = self.was_ready or self.ready
            self.deaths = 0 if self.ready else self.deaths
            self._heard = time.monotonic()

    def _feel(self) -> None:
        """Kill it when it has not answered for long: what hangs is worse than what is dead."""
        now = time.monotonic()
        if now - self._heard > HANGS:
            self._heard = now
            self._kill(signal.SIGKILL)
        elif now - self._heard > _PULSE and (self._pulse is None or self._pulse.done()):
            self._pulse = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        with contextlib.suppress(RemoteError):
            await self.client.request("GET", "/health/live", timeout=HANGS)
            self._heard = time.monotonic()

    def _kill(self, number: int) -> None:
        process = self._process.pid if self._process else processes.living(self.pid_file)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

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
        runs, self.ready = self._runs, False
        if self._pulse is not None:
            self._pulse.cancel()
        if runs:
            self._kill(signal.SIGTERM)
            if not await asyncio.to_thread(self._gone, grace):
                self._kill(signal.SIGKILL)
                await asyncio.to_thread(self._gone, grace)
        self._process, self.adopted = None, False
        await self.client.close()
        self._remove_files()

    def _gone(self, seconds: float) -> bool:
        return processes.wait_until(lambda: self._ended() is not None, seconds)

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

    def _died(self, how: str) -> None:
        self._process, self.adopted, self.ready = None, False, False
        self.routes, self.accepting = None, False
        self._heard = time.monotonic()
        self.deaths += 1
        self.last_death = how
        # At once the first time; then ever slower, to leave the machine to those that work.
        wait = 0.0 if self.deaths == 1 else min(_SLOWEST, 0.25 * 2**self.deaths)
        self._not_before = time.monotonic() + wait

    def _remove_files(self) -> None:
        handover = Path(self.socket + SUFFIX)
        for path in (self.file, self.pid_file, Path(self.socket), handover):
            path.unlink(missing_ok=True)
