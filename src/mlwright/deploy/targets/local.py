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
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError, GateFailed
from mlwright.predictions.lines import Outcome
from mlwright.predictions.outcomes import OutcomeReader
from mlwright.serve.spec import WorkerSpec, read_spec

from .. import processes
from ..smoke import smoke
from . import Place, Split, VersionStatus
from .local_worker import LocalWorker

DEADLINE_MS = 2000  # for the candidate, before the champion answers in its place
GRACE = 15.0  # seconds for a worker to finish what is in flight


class LocalTarget:
    """Workers as child processes; see `mlwright.deploy.targets.Target`.

    What an earlier supervisor left of a wanted version is taken over and goes on answering.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._run = place.folder / "run"
        self._run.mkdir(parents=True, exist_ok=True)
        self._left = left(place.folder)
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
            pool = self._pools.setdefault(version, [])
            while len(pool) < workers:
                pool.append(self._adopted(version) or self._worker(version, len(pool)))
            self._end_all(pool[workers:])
            del pool[workers:]
        await asyncio.gather(*(worker.keep() for pool in self._pools.values() for worker in pool))

    async def check(self, version: int) -> None:
        """Run the smoke test on every worker of a version."""
        bundle = Bundle.open(self._bundles[version])
        pool = self._pools[version]
        if not all(worker.ready for worker in pool):
            raise GateFailed(f"version {version} is not ready")
        await asyncio.gather(*(smoke(worker.client, bundle) for worker in pool))

    async def split(self, split: Split) -> None:
        """Let the champion's workers accept and route, and only then stop the others."""
        champions = self._ready(split.champion)
        await asyncio.gather(
            *(
                worker.tell(self._champion_routes(split, i), accept=True)
                for i, worker in enumerate(champions)
            )
        )
        accepting = [worker for worker in champions if worker.accepting]
        if accepting or split.champion is None:
            await self._quiet(split, accepting)
            self._end_left()

    def status(self) -> dict[int, VersionStatus]:
        """Count the workers of every version."""
        return {
            version: VersionStatus(
                workers=len(pool),
                ready=sum(worker.ready for worker in pool),
                deaths=sum(worker.deaths for worker in pool),
                last_death=next((w.last_death for w in pool if w.last_death), ""),
            )
            for version, pool in self._pools.items()
        }

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

    def _worker(self, version: int, index: int) -> LocalWorker:
        # Its own name: the worker that had this place before may still end what it began.
        own = f"{version}-{index}-{os.getpid()}-{next(self._numbers)}"
        sockets = processes.socket_folder(self._place.folder)
        spec = WorkerSpec(
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
        )
        return LocalWorker(spec, self._run / f"worker-{own}.json", self._run / "workers.log")

    def _adopted(self, version: int) -> LocalWorker | None:
        """Take over a worker that an earlier supervisor left, when it has our very socket."""
        for pid_file in list(self._left) if self._place.inherited else ():
            spec = _spec_of(pid_file)
            if spec is None or spec.version != version or spec.model != self._place.model:
                continue
            self._left.remove(pid_file)
            own = pid_file.with_suffix(".json")
            # For when it dies: its successor is a child of ours, and has our descriptor.
            ours = structs.replace(spec, listen_fd=self._descriptor, parent_pid=os.getpid())
            return LocalWorker(ours, own, self._run / "workers.log", adopted=True)
        return None

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
        pool = self._pools.get(split.candidate, []) if split.candidate is not None else []
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
            self._background(asyncio.to_thread(_end, paths))

    def _background(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)


def left(folder: Path) -> list[Path]:
    """Return the pid files of the workers of an environment that live, and remove dead ones."""
    found = []
    for path in (folder / "run").glob("worker-*.pid"):
        if processes.living(path):
            found.append(path)
        else:
            _forget(path)
    return found


def _end(pid_files: list[Path]) -> None:
    processes.end(pid_files, grace=GRACE)
    for path in pid_files:
        _forget(path)


def _forget(pid_file: Path) -> None:
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
