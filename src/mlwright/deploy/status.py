"""What is known of an environment, read without touching it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlwright.core import clock
from mlwright.core.workspace import Workspace

from . import processes, releases
from .outcome import SETTLED
from .releases import Environment, Event, Release

CONTAINERS = Path("run", "containers")  # where workers in containers keep their files
_DECISIONS = {"live": "promoted", "superseded": "promoted", "rolling": "not_enough_data"}


@dataclass(frozen=True, slots=True)
class VersionShare:
    """A version, its share of traffic, and its state.

    The state is answering, candidate, shadow or warm; without a living worker it is starting, or
    down when there is nobody to start one.
    """

    version: int
    weight: float
    state: str
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """One environment. `outcome` is the state of its newest release, or `stopped`.

    With `auto_scaling`, its bounds and the number now, `scaled` says what it last did.
    """

    environment: str
    platform: str
    url: str | None
    model: str | None
    versions: tuple[VersionShare, ...]
    release: Release | None
    outcome: str
    reason: str
    supervisor: str
    incident: Path | None
    updated: float
    auto_scaling: dict[str, int] | None = None
    scaled: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys."""
        return {
            "environment": self.environment,
            "platform": self.platform,
            "url": self.url,
            "model": self.model,
            "versions": [
                {
                    "version": v.version,
                    "weight": v.weight,
                    "state": v.state,
                    "workers": v.workers,
                }
                for v in self.versions
            ],
            "rollout": _rollout(self.release),
            "outcome": self.outcome,
            "reason": self.reason,
            "supervisor": self.supervisor,
            "incident": str(self.incident) if self.incident else None,
            "auto_scaling": self.auto_scaling and {**self.auto_scaling, "last": self.scaled},
            "updated": clock.iso(self.updated),
        }


def status(workspace: Workspace, environment: str) -> Status:
    """Return what answers in an environment, and how far its newest release is.

    Raises:
        NotFound: nothing was ever deployed there.
    """
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, environment)
        live = releases.live(connection, environment)
        release = releases.current(connection, environment)
        events = releases.events_of(connection, release) if release else []
        scaled = releases.last_event(connection, environment, "scaled")
    folder = workspace.environment(environment)
    stopped = there.wanted == "stopped"
    outcome = _outcome(stopped, release)
    supervisor = _supervisor(folder, stopped)
    without, living = "starting" if supervisor == "running" else "down", alive(folder)
    return Status(
        environment=environment,
        platform=there.platform,
        url=None if stopped else there.url,
        model=there.model,
        versions=tuple(
            replace(share, workers=living[share.version])
            if share.version in living
            else replace(share, state=without)
            for share in _shares(there, live, release)
        ),
        release=release,
        outcome=outcome,
        reason="" if outcome == "stopped" else _reason(release),
        supervisor=supervisor,
        incident=_incident(events),
        updated=max(there.updated, release.updated if release else 0.0),
        auto_scaling=_bounds(there),
        scaled=f"{clock.iso(scaled.time)} {scaled.detail['reason']}" if scaled else "",
    )


def _bounds(there: Environment) -> dict[str, int] | None:
    found = there.settings.get("auto_scaling")
    return {**found, "workers": there.settings["workers"]} if found else None


def alive(folder: Path) -> Mapping[int, int]:
    """Return how many workers of each version live in an environment's folder."""
    found: dict[int, int] = {}
    for path in living_workers(folder):
        version = int(path.name.split("-")[1])
        found[version] = found.get(version, 0) + 1
    return found


def living_workers(folder: Path) -> list[Path]:
    """Return the pid files of the workers of an environment that live, here or in containers."""
    here = sorted((folder / "run").glob("worker-*.pid"))
    contained = sorted((folder / CONTAINERS).glob("worker-*.pid"))
    return [*filter(processes.living, here), *filter(processes.held, contained)]


def supervisor_file(folder: Path) -> Path:
    """Return the pid file of an environment's supervisor."""
    return folder / "run" / "supervisor.pid"


def _outcome(stopped: bool, release: Release | None) -> str:
    if stopped and (release is None or release.state != "failed"):
        return "stopped"
    return release.state if release else "stopped"


def _reason(release: Release | None) -> str:
    if release is None:
        return ""
    if release.state != "rolling":
        return release.reason
    return release.reason or str(release.evidence.get("next", "not enough data"))


def _supervisor(folder: Path, stopped: bool) -> str:
    if processes.living(supervisor_file(folder)):
        return "running"
    return "stopped" if stopped else "down"


def _incident(events: list[Event]) -> Path | None:
    for event in events:
        if event.what == SETTLED and "incident" in event.detail:
            return Path(event.detail["incident"])
    return None


def _shares(
    there: Environment, live: Release | None, release: Release | None
) -> list[VersionShare]:
    rolling = release if release and release.under_way else None
    weight = rolling.weight if rolling else 0.0
    shares = []
    if live and there.previous is not None:
        shares.append(VersionShare(there.previous, 0.0, "warm"))
    if rolling:
        state = "shadow" if rolling.strategy == "shadow" else "candidate"
        shares.append(VersionShare(rolling.version, weight, state))
    if live:
        shares.append(VersionShare(live.version, 1.0 - weight, "answering"))
    # A version may have two parts, as the warm one that a rollback tries: the last one counts.
    named = {share.version: share for share in shares}
    return sorted(named.values(), key=lambda share: -share.weight)


def _rollout(release: Release | None) -> dict[str, Any] | None:
    if release is None:
        return None
    return {
        "release": release.id,
        "version": release.version,
        "replaces": release.replaces,
        "strategy": release.strategy,
        "step": release.step,
        "steps": release.options.get("steps", []),
        "decision": _DECISIONS.get(release.state, release.state),
        "evidence": release.evidence,
        "who": release.who,
        "created": clock.iso(release.created),
    }
