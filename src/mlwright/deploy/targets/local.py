"""The local target: worker processes on this machine, on one listening socket.

Only the workers of the answering version accept connections. They forward the candidate's share
over unix sockets. A switch lets the new version's workers accept first; then the old ones forward
what still arrives on their open connections, and stop accepting.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError, GateFailed, MlwrightError
from mlwright.predictions.lines import Outcome
from mlwright.predictions.outcomes import OutcomeReader
from mlwright.serve.spec import WorkerSpec, read_spec

from .. import processes
from ..scaling import Load
from ..smoke import smoke
from . import Place, Split, VersionStatus
from .local_worker import LocalWorker
from .runs import Left, Run, child

DEADLINE_MS = 2000  # for the candidate, before the champion answers in its place
GRACE = 15.0  # seconds for a worker to finish what is in flight
KILLED = 5.0  # seconds for one to be gone that was killed


class LocalTarget:
    """Workers as child processes; see `mlwright.deploy.targets.Target`.

    What an earlier supervisor left of a wanted version is taken over and goes on answering.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._run = self.run_folder(place.folder)
        self._left = [path for path in worker_files(self._run) if self.lives(path)]
        self._pools: dict[int, list[LocalWorker]] = {}
        self._bundles: dict[int, Path] = {}
        self._readers: dict[int, OutcomeReader] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

    async def apply(self, versions: Mapping[int, Path], *, workers: int = 1) -> None:
        """Start what is missing, end what is not wanted, replace what died or hangs."""
        for version in self._pools.keys() - versions.keys():
            self._end_all(self._pools.pop(version))
        for version, bundle in versions.items():
            self._bundles[version] = bundle
            self._resize(version, workers)
        await asyncio.gather(*(worker.keep() for pool in self._pools.values() for worker in pool))

    async def check(self, version: int) -> None:
        """Run the smoke test on every worker of a version."""
        bundle = Bundle.open(self._bundles[version])
        pool = _staying(self._pools[version])
        if not all(worker.ready for worker in pool):
            raise GateFailed(f"version {version} is not ready")
        await asyncio.gather(*(smoke(worker.client, bundle) for worker in pool))

    async def split(self, split: Split) -> None:
        """Let the champion's workers accept and route, and only then stop the others."""
        champions = self._ready(split.champion)
        await asyncio.gather(
            *(
                worker.tell(self._champion_routes(split, i), accept=not worker.leaving)
                for i, worker in enumerate(champions)
            )
        )
        accepting = [worker for worker in champions if worker.accepting]
        if accepting or split.champion is None:
            await self._quiet(split, accepting)
            self._end_left()

    def status(self) -> dict[int, VersionStatus]:
        """Count the workers of every version."""
        return {version: _status(_staying(pool)) for version, pool in self._pools.items()}

    def observe(self, release: int) -> list[Outcome]:
        """Read what the workers wrote about a release since the last call."""
        if release not in self._readers:
            self._readers = {release: OutcomeReader(self._place.folder / "log", release)}
        return self._readers[release].new()

    async def delete(self) -> None:
        """End every worker, own and left behind, and remove the sockets."""
        workers = [worker for pool in self._pools.values() for worker in pool]
        self._pools = {}
        self._end_left()
        await asyncio.gather(*(worker.end(grace=GRACE) for worker in workers), *self._endings)
        shutil.rmtree(processes.socket_folder(self._place.folder), ignore_errors=True)

    def run_folder(self, environment: Path) -> Path:
        """Return where its workers keep their files."""
        return environment / "run"

    def lives(self, pid_file: Path) -> bool:
        """Return whether a worker lives; the files of one that does not are removed."""
        if processes.living(pid_file):
            return True
        forget(pid_file)
        return False

    def spec(self, version: int, own: str) -> WorkerSpec:
        """Return what a worker of a version is started with; `own` is its name."""
        sockets = processes.socket_folder(self._place.folder)
        return WorkerSpec(
            bundle=str(self._bundles[version]),
            model=self._place.model,
            version=version,
            environment=self._place.environment,
            log_folder=str(self._place.folder / "log"),
            socket=str(sockets / f"{own}.sock"),
            pid_file=str(self._run / f"worker-{own}.pid"),
            listen_fd=self._descriptor,
            parent_pid=os.getpid(),  # asked at its start alone: later it outlives us
            trust=self._place.trust(),
            log=self._place.log,
            api_keys=self._place.access.api_keys,
            tls=self._place.access.tls,
            max_body=self._place.access.max_body,
        )

    def launch(self, spec: WorkerSpec, file: Path, log: Path) -> Run:
        """Start a worker."""
        return child(spec, file, log)

    def left_run(self, pid_file: Path) -> Run:
        """Return what an earlier supervisor started."""
        return Left(pid_file)

    def _resize(self, version: int, workers: int) -> None:
        """Add what is missing; what is too many leaves, and ends once it was left."""
        pool = self._pools.setdefault(version, [])
        staying = _staying(pool)
        for index in range(len(staying), workers):
            pool.append(self._adopted(version) or self._worker(version, index))
        for worker in staying[workers:]:
            worker.leave()
        self._end_all(worker for worker in pool if worker.left)
        pool[:] = [worker for worker in pool if not worker.left]

    def _worker(self, version: int, index: int) -> LocalWorker:
        # Its own name: the worker that had this place before may still end what it began.
        own = f"{version}-{index}-{os.getpid()}-{next(self._numbers)}"
        self._run.mkdir(parents=True, exist_ok=True)
        file = self._run / f"worker-{own}.json"
        return LocalWorker(self.spec(version, own), file, self._log, self.launch)

    def _adopted(self, version: int) -> LocalWorker | None:
        """Take over a worker that an earlier supervisor left, when it has our very socket."""
        for pid_file in list(self._left) if self._place.inherited else ():
            spec = _spec_of(pid_file)
            if spec is None or spec.version != version or spec.model != self._place.model:
                continue
            self._left.remove(pid_file)
            own = pid_file.with_suffix(".json")
            # For when it dies: its successor is a child of ours, and has our descriptor.
            now = self.spec(version, own.stem.removeprefix("worker-"))
            ours = structs.replace(now, socket=spec.socket)
            run = self.left_run(pid_file)
            return LocalWorker(ours, own, self._log, self.launch, run=run)
        return None

    @property
    def _log(self) -> Path:
        return self._place.folder / "run" / "workers.log"

    @property
    def _descriptor(self) -> int | None:
        return self._place.listener.fileno() if self._place.listener else None

    def _end_all(self, workers: Iterable[LocalWorker]) -> None:
        for worker in workers:
            self._background(worker.end(grace=GRACE))

    def _ready(self, version: int | None) -> list[LocalWorker]:
        pool = self._pools.get(version, []) if version is not None else []
        return [worker for worker in pool if worker.ready]

    def _champion_routes(self, split: Split, index: int) -> dict[str, Any]:
        found = self._pools.get(split.candidate, []) if split.candidate is not None else []
        pool = _staying(found)
        # One that was ready once keeps its share when it dies: its failures are evidence.
        if not pool or not all(worker.was_ready for worker in pool):
            return _routes()
        if not split.weight and not split.mirror:
            return _routes()
        target = pool[index % len(pool)]
        candidate = _candidate(target, split.candidate, split.weight, mirror=split.mirror)
        return _routes(split.release, split.salt, candidate)

    async def _quiet(self, split: Split, champions: list[LocalWorker]) -> None:
        """Stop all but the champion from accepting; open connections are answered by it."""
        told = []
        for version, pool in self._pools.items():
            for i, worker in enumerate(pool if version != split.champion else []):
                routes = _routes()
                if version != split.candidate and champions:
                    target = champions[i % len(champions)]
                    routes = _routes(candidate=_candidate(target, split.champion, 1.0))
                told.append(worker.tell(routes, accept=False))
        await asyncio.gather(*told)

    def _end_left(self) -> None:
        paths, self._left = self._left, []
        if paths:
            self._background(asyncio.to_thread(_end, {path: self.left_run(path) for path in paths}))

    def _background(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)


def _staying(pool: Iterable[LocalWorker]) -> list[LocalWorker]:
    return [worker for worker in pool if not worker.leaving]


def _status(pool: list[LocalWorker]) -> VersionStatus:
    loads = [worker.load for worker in pool if worker.load is not None]
    return VersionStatus(
        workers=len(pool),
        ready=sum(worker.ready for worker in pool),
        deaths=sum(worker.deaths for worker in pool),
        last_death=next((w.last_death for w in pool if w.last_death), ""),
        load=_together(loads) if len(loads) == len(pool) and loads else None,
    )


def _together(loads: list[Load]) -> Load:
    return Load(sum(load.busy for load in loads), sum(load.waiting for load in loads))


def worker_files(folder: Path) -> list[Path]:
    """Return the pid files of the workers that have theirs in a folder, dead ones too."""
    return sorted(folder.glob("worker-*.pid"))


def _end(runs: Mapping[Path, Run]) -> None:
    """End what an earlier supervisor left; return when nothing of it lives."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, KILLED)):
        for run in runs.values():
            if run.ended() is None:
                run.kill(number)
        if processes.wait_until(lambda: all(run.ended() for run in runs.values()), patience):
            break
    else:
        names = ", ".join(path.stem for path, run in runs.items() if run.ended() is None)
        raise MlwrightError(f"these workers do not end: {names}")
    for path in runs:
        forget(path)


def forget(pid_file: Path) -> None:
    """Remove the files of a worker that ended."""
    for path in (pid_file, pid_file.with_suffix(".json")):
        path.unlink(missing_ok=True)


def _spec_of(pid_file: Path) -> WorkerSpec | None:
    with contextlib.suppress(ConfigError):
        return read_spec(pid_file.with_suffix(".json"))
    return None


def _candidate(
    worker: LocalWorker, version: int | None, weight: float, *, mirror: bool = False
) -> dict[str, Any]:
    return {"version": version, "socket": worker.socket, "weight": weight, "mirror": mirror}


def _routes(
    release: int | None = None, salt: str = "", candidate: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "release": release,
        "salt": salt,
        "candidate": candidate,
        "deadline_ms": DEADLINE_MS,
    }
