"""One worker of a target, started anew when it died, and what it was last told."""

from __future__ import annotations

import asyncio
import contextlib
import signal
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
from ..scaling import Load
from .runs import Launch, Run, child

_PATIENCE = 2.0  # seconds for an answer to a word of ours
_PULSE = 1.0  # seconds between two questions whether it lives
HANGS = 6.0  # seconds without an answer after which it counts as dead
LEAVING = 2.0  # seconds in which those that send to it learn to connect anew
_SLOWEST = 5.0  # seconds between two starts of a worker that dies again and again


class _Work(msgspec.Struct, frozen=True):
    """What a worker says of itself: all that it did until this moment of its clock."""

    time: float
    cpu_seconds: float
    request_seconds: float

    def since(self, before: _Work) -> Load:
        seconds = max(self.time - before.time, 1e-3)
        busy = (self.cpu_seconds - before.cpu_seconds) / seconds
        return Load(busy, (self.request_seconds - before.request_seconds) / seconds)


@dataclass
class LocalWorker:
    """A worker that is started anew when it died or hangs; `spec` is what `serve.worker` reads.

    `launch` starts it, by default as a process of this machine. One that comes with its `run` was
    started by an earlier supervisor. `deaths` counts those since it was last ready.
    """

    spec: WorkerSpec
    file: Path
    log: Path
    launch: Launch = child
    run: Run | None = None
    ready: bool = False
    was_ready: bool = False
    deaths: int = 0
    last_death: str = ""
    routes: dict[str, Any] | None = None
    accepting: bool | None = False
    load: Load | None = None
    _work: _Work | None = None
    _leaves: float | None = None
    _pulse: asyncio.Task[None] | None = None
    _heard: float = 0.0
    _not_before: float = 0.0
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.spec.socket)
        self.was_ready = self.run is not None
        if self.was_ready:
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

    @property
    def leaving(self) -> bool:
        """Whether it is one too many: it takes no new connections, and ends soon."""
        return self._leaves is not None

    @property
    def left(self) -> bool:
        """Whether nobody will miss it any more."""
        return self._leaves is not None and (not self.ready or time.monotonic() > self._leaves)

    def leave(self) -> None:
        """Be one too many from now on."""
        self._leaves = time.monotonic() + LEAVING

    async def keep(self) -> None:
        """Start it when it does not run, and find out whether it is ready, and still answers."""
        if self.leaving:
            return
        if self.run is not None and (ended := self.run.ended()) is not None:
            self._died(ended)
        if self.run is None and time.monotonic() >= self._not_before:
            self._start()
        if self.run is not None and not self.ready:
            await self._ask_ready()
        elif self.ready:
            self._feel()

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
        with contextlib.suppress(RemoteError, msgspec.DecodeError):
            answer = await self.client.request("GET", "/control/status", timeout=HANGS)
            self._heard = time.monotonic()
            before, self._work = self._work, msgspec.json.decode(answer.body, type=_Work)
            self.load = self._work.since(before) if before else None

    def _kill(self, number: int) -> None:
        if self.run is not None:
            self.run.kill(number)

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
        self.ready = False
        if self._pulse is not None:
            self._pulse.cancel()
        if self.run is not None:
            self._kill(signal.SIGTERM)
            if not await asyncio.to_thread(self._gone, grace):
                self._kill(signal.SIGKILL)
                await asyncio.to_thread(self._gone, grace)
        self.run = None
        await self.client.close()
        self._remove_files()

    def _gone(self, seconds: float) -> bool:
        run = self.run
        return run is None or processes.wait_until(lambda: run.ended() is not None, seconds)

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        response = await self.client.request(
            "POST", path, msgspec.json.encode(body), timeout=_PATIENCE
        )
        if response.status != 200:
            raise MlwrightError(f"worker {self.socket}: {path} answered HTTP {response.status}")

    def _start(self) -> None:
        write_atomic(self.file, msgspec.json.encode(self.spec))
        Path(self.socket).unlink(missing_ok=True)
        self.run = self.launch(self.spec, self.file, self.log)

    def _died(self, how: str) -> None:
        self.run, self.ready = None, False
        self._work = self.load = None
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
