"""The process that keeps an environment as the database wants it.

`python -m mlwright.deploy.supervisor ROOT ENVIRONMENT DESCRIPTOR [inherited]`, where the descriptor
is a listening socket: a new one, or the one that an earlier supervisor left with its workers. Five
times a second it reads what is wanted, moves traffic, starts and ends workers, and takes a release
one step further. It keeps nothing that the database or the logs do not have: killed, its workers go
on, and the next one takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import ConfigError, MlwrightError
from mlwright.core.settings import read_settings
from mlwright.core.workspace import Workspace
from mlwright.serve.spec import log_policy
from mlwright.track import models

from . import changes, processes, releases
from .access import kept
from .autoscale import AutoScaler
from .outcome import settle_all
from .releases import Environment, Release
from .rollout import Rollout
from .status import supervisor_file
from .targets import TARGETS, Place, Split, Target

TICK = 0.2  # seconds between two looks
HURRY = 0.03  # while something starts
STARTING = 60.0  # seconds that a version has to become ready
DEATHS = 3  # of its workers, before that


class Supervisor:
    """Reconciles one environment until it is stopped."""

    def __init__(self, workspace: Workspace, name: str, target: Target) -> None:
        self._workspace = workspace
        self._name = name
        self._target = target
        self._rollout: Rollout | None = None
        self._check: asyncio.Task[None] | None = None
        self._since = time.monotonic()
        self._settled: tuple[int, str] | None = None
        self._pause = TICK
        self._bundles: dict[int, Path] = {}
        self._ending = asyncio.Event()
        self._scaler = AutoScaler(workspace)

    async def run(self) -> None:
        """Reconcile until the environment is to be stopped or SIGTERM comes; then end all."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        try:
            while not self._ending.is_set() and await self._tick():
                await asyncio.sleep(self._pause)
        finally:
            await self._target.delete()

    async def _tick(self) -> bool:
        """Reconcile once and return whether to go on."""
        # A workspace that somebody removed has no use for processes.
        if not (self._workspace.folder / "state.db").exists():
            return False
        try:
            return await self._reconcile()
        except Exception as exc:
            # It must not die of one bad look: what answers goes on, and the next look comes soon.
            _complain(exc)
            return True

    async def _reconcile(self) -> bool:
        with self._workspace.state.read() as connection:
            there = releases.known_environment(connection, self._name)
            live = releases.live(connection, self._name)
            release = releases.current(connection, self._name)
        open_release = release if release and release.under_way else None
        self._settle(release)
        if there.wanted != "running":
            return False
        await self._target.split(_split(live, open_release))
        versions = self._versions(there, live, open_release)
        await self._target.apply(versions, workers=int(there.settings.get("workers", 1)))
        self._pause = HURRY if self._starting(open_release) else TICK
        if live:
            self._scaler.look(there, live, self._target.status().get(live.version))
        if open_release:
            self._advance(open_release)
        else:
            self._rollout = None  # with all the keys that it has seen
        return True

    def _settle(self, release: Release | None) -> None:
        if release and (release.id, release.state) != self._settled:
            settle_all(self._workspace, self._name)
            self._settled = (release.id, release.state)

    def _starting(self, release: Release | None) -> bool:
        found = self._target.status().values()
        busy = release is not None and release.state != "rolling"
        return busy or any(version.ready < version.workers for version in found)

    def _versions(
        self, there: Environment, live: Release | None, release: Release | None
    ) -> Mapping[int, Path]:
        wanted = {live.version, there.previous} if live else set()
        if release:
            wanted.add(release.version)
        return {version: self._bundle(there, version) for version in wanted if version is not None}

    def _bundle(self, there: Environment, version: int) -> Path:
        if version not in self._bundles:
            found = models.resolve(self._workspace, f"{there.model}:{version}")
            self._bundles[version] = found.bundle
        return self._bundles[version]

    def _advance(self, release: Release) -> None:
        if release.request == "rollback" and release.state != "rolling":
            self._end(release, "rolled_back", "asked for by a person")
        elif release.state == "pending":
            self._since = time.monotonic()
            self._check = None
            self._enter(release, "starting")
        elif release.state == "starting":
            self._start(release)
        elif release.state == "testing":
            self._test(release)
        else:
            self._look(release)

    def _start(self, release: Release) -> None:
        found = self._target.status().get(release.version)
        if found and found.ready == found.workers:
            self._enter(release, "testing")
        elif found and found.deaths >= DEATHS:
            reason = f"its worker ended with {found.last_death} before it was ready"
            self._end(release, "failed", f"version {release.version} does not start: {reason}")
        elif time.monotonic() - self._since > STARTING:
            reason = f"not ready after {STARTING:g} s"
            self._end(release, "failed", f"version {release.version} does not start: {reason}")

    def _test(self, release: Release) -> None:
        # Beside the reconciling, so that a candidate that hangs keeps nobody from the champion.
        if self._check is None:
            self._check = asyncio.ensure_future(self._target.check(release.version))
        if not self._check.done():
            return
        failure, self._check = self._check.exception(), None
        if failure is not None and not isinstance(failure, MlwrightError):
            _complain(failure)
        if failure is not None:
            self._end(release, "failed", str(failure) or type(failure).__name__)
        else:
            self._look(release)

    def _look(self, release: Release) -> None:
        if self._rollout is None or self._rollout.release.id != release.id:
            self._rollout = Rollout(self._workspace, release, self._target)
        self._rollout.look(release)

    def _enter(self, release: Release, state: releases.State) -> None:
        with self._workspace.state.write() as connection:
            if changes.still_open(connection, release):
                changes.enter(connection, release, state)

    def _end(self, release: Release, state: releases.State, reason: str) -> None:
        with self._workspace.state.write() as connection:
            if changes.still_open(connection, release):
                changes.end(connection, release, state, reason)


def _split(live: Release | None, release: Release | None) -> Split:
    champion = live.version if live else None
    if release is None or release.state != "rolling":
        return Split(champion)
    salt, mirror = release.options["salt"], release.strategy == "shadow"
    return Split(champion, release.version, release.weight, release.id, salt, mirror)


def _complain(exc: BaseException) -> None:
    traceback.print_exception(exc, file=sys.stderr)
    sys.stderr.flush()


def _trust_of(workspace: Workspace) -> Callable[[], Trust]:
    """Return what reads the user's trust anew, for it may have been given since we began."""
    known = NOTHING

    def now() -> Trust:
        nonlocal known
        with contextlib.suppress(ConfigError):  # a broken file stops no worker from being replaced
            known = Trust.of(read_settings(workspace.root).trust)
        return known

    return now


def main(arguments: list[str]) -> int:
    """Run the supervisor of one environment; return the exit code."""
    root, name, descriptor, *how = arguments
    workspace = Workspace(Path(root))
    folder = workspace.environment(name)
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, name)
    processes.claim(supervisor_file(folder))
    listener = socket.socket(fileno=int(descriptor))
    place = Place(
        name,
        there.model or "",
        folder,
        listener,
        inherited=how == ["inherited"],
        trust=_trust_of(workspace),
        log=log_policy(workspace),
        access=kept(there.settings),
        options=workspace.settings.environment(name).platform_options,
    )
    asyncio.run(Supervisor(workspace, name, TARGETS.load(there.platform)(place)).run())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
