"""One rollout: read the outcomes, ask the strategy, write what it says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mlwright.core import clock
from mlwright.core.workspace import Workspace

from . import changes, guards, releases
from .evidence import Evidence
from .later import Later
from .releases import Release
from .shadow import Shadow
from .strategies import STRATEGIES, Step
from .targets import Target

_SAVED_EVERY = 1.0  # seconds between two writings of evidence that decided nothing


class Rollout:
    """The comparison of one release; made anew, it reads everything again and stands the same."""

    def __init__(self, workspace: Workspace, release: Release, target: Target) -> None:
        self.release = release
        self._state = workspace.state
        self._target = target
        self._evidence = Evidence(guards.parse(release.options["guards"]))
        log = workspace.environment(release.environment) / "log"
        self._later = Later(log, self._evidence.sources, since=release.created)
        self._shadow = _shadow(log, release)
        self._strategy = STRATEGIES.load(release.strategy)()
        self._dirty = False
        self._saved = time.monotonic()

    def look(self, release: Release) -> Step:
        """Take in what is new and write the next step; what follows from it is done later."""
        self.release = release
        if outcomes := self._target.observe(release.id):
            self._evidence.add(outcomes)
            self._dirty = True
        for source, facts in self._later.new(outcomes):
            self._evidence.add_facts(facts, source)
            self._dirty |= bool(facts)
        if self._shadow is not None and release.state == "rolling":
            self._dirty |= self._shadow.look()
        since = release.step_since
        at_step = clock.now() - since if since is not None else 0.0
        observations = self._evidence.observations(at_step=at_step)
        step = self._strategy.next_step(release, observations)
        evidence = observations.to_json()
        evidence["next"] = step.reason
        if self._shadow is not None:
            evidence["shadow"] = self._shadow.to_json()
        if step.action == "wait":
            self._dirty |= step.reason != release.evidence.get("next")
            self._save(evidence)
        else:
            self._write(step, evidence)
        return step

    def _save(self, evidence: dict[str, Any]) -> None:
        if self._dirty and time.monotonic() - self._saved >= _SAVED_EVERY:
            with self._state.write() as connection:
                releases.save_release(connection, self.release, evidence=evidence)
            self._dirty, self._saved = False, time.monotonic()

    def _write(self, step: Step, evidence: dict[str, Any]) -> None:
        release = self.release
        with self._state.write() as connection:
            if not changes.still_open(connection, release):
                return
            releases.save_release(connection, release, evidence=evidence)
            brief = _without_history(evidence)
            if step.action == "promote":
                releases.record(connection, release, "promote", reason=step.reason, evidence=brief)
                changes.go_live(connection, release, step.reason)
            elif step.action == "rollback":
                releases.record(connection, release, "rollback", reason=step.reason, evidence=brief)
                changes.end(connection, release, "rolled_back", step.reason)
            else:
                changes.shift(connection, release, step.step, step.weight, step.reason, brief)


def _shadow(log: Path, release: Release) -> Shadow | None:
    if release.strategy != "shadow" or release.replaces is None:
        return None
    return Shadow(log, champion=release.replaces, since=release.step_since or clock.now())


def _without_history(evidence: dict[str, Any]) -> dict[str, Any]:
    brief = [
        {key: value for key, value in guard.items() if key != "history"}
        for guard in evidence["guards"]
    ]
    return {**evidence, "guards": brief}
