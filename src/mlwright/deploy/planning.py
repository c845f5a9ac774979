"""What a deployment is to do, worked out from flags, settings and what is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Unpack

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.trust import Trust
from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace, checked_name
from mlwright.track import models
from mlwright.track.models import ModelVersion

from . import releases
from .releases import Environment, Release
from .wanted import Choices, Wanted, wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment creates, changes and removes, one line each."""

    environment: str
    version: ModelVersion
    wanted: Wanted
    live: Release | None
    first: str | None
    create: tuple[str, ...]
    change: tuple[str, ...]
    remove: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return {
            "environment": self.environment,
            "model": self.version.model,
            "version": self.version.version,
            "strategy": self.wanted.strategy,
            "steps": list(self.wanted.steps),
            "guards": self.wanted.guards,
            "first": self.first,
            "recorded": dict(self.wanted.recorded),
            "create": list(self.create),
            "change": list(self.change),
            "remove": list(self.remove),
        }

    def text(self) -> str:
        """Return the plan as lines that begin with +, ~ or -."""
        marked = (("+", self.create), ("~", self.change), ("-", self.remove))
        lines = [f"{sign} {line}" for sign, group in marked for line in group]
        return "\n".join([f"{self.version} in {self.environment}:", *(lines or ["  no change"])])


def plan(workspace: Workspace, model: str, environment: str, **choices: Unpack[Choices]) -> Plan:
    """Work out what `deploy` with the same arguments would do, and change nothing.

    Raises:
        NotFound: no such model or version.
        BundleError: its bundle is damaged.
        ConfigError: a choice is wrong, or the environment answers with another model.
    """
    checked_name(environment, "environment")
    version = deployable(workspace, model)
    with workspace.state.read() as connection:
        there = releases.environment(connection, environment)
        live = releases.live(connection, environment)
    running = there.settings.get("workers") if there and live else None
    asked = wanted(workspace.settings.environment(environment), running=running, **choices)
    if live and live.model != version.model:
        raise ConfigError(
            f"{environment} answers with {live.ref}, which is another model",
            hint=f"choose another environment, or mlwright stop {environment}",
        )
    if live is None and asked.strategy != "all_at_once":
        asked = _at_once(asked)
    first = None if live and live.version == version.version else before(workspace, environment)
    return Plan(
        environment,
        version,
        asked,
        live,
        first,
        *_changes(environment, version, asked, there, live, first),
    )


def before(workspace: Workspace, environment: str) -> str | None:
    """Return the environment in which a version has to go live first, if one is named.

    Raises:
        ConfigError: each of them waits for another.
    """
    name = first = workspace.settings.environment(environment).first
    seen = [environment]
    while name:
        if name in seen:
            raise ConfigError(
                f"environments wait for each other: {' → '.join([*seen, name])}",
                hint="take one `first:` out of mlwright.yaml",
            )
        seen.append(name)
        name = workspace.settings.environment(name).first
    return first


def deployable(workspace: Workspace, model: str) -> ModelVersion:
    """Return the registered version that a MODEL means, once its bundle is verified."""
    version = models.resolve(workspace, model)
    if version.version == 0:
        raise ConfigError(
            f"the bundle {version.bundle} is not registered in this workspace",
            hint="train in this workspace registers a version; mlwright models list shows them",
        )
    Bundle.open(version.bundle, trust=Trust.of(workspace.settings.trust)).check_trust()
    return version


def _at_once(asked: Wanted) -> Wanted:
    # Nothing answers yet that the new version could be compared with.
    return replace(asked, strategy="all_at_once", steps=(100.0,))


def _changes(
    environment: str,
    version: ModelVersion,
    asked: Wanted,
    there: Environment | None,
    live: Release | None,
    first: str | None,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    change = [f"environment {first}: {version} goes live there first"] if first else []
    running = there.settings.get("workers") if live and there else None
    if live and running and asked.workers != running:
        change.append(f"workers a version: {running} → {asked.workers}")
    if live and live.version == version.version:
        return (), tuple(change), ()
    create = [f"{asked.workers} worker{'s' * (asked.workers > 1)} of {version}"]
    if live is None:
        where = f"{asked.host}:{asked.port}" if asked.port else f"a free port of {asked.host}"
        create.insert(0, f"environment {environment} on {where} ({asked.platform})")
    else:
        change.append(f"traffic: {live.ref} → {version}, {asked.strategy}, {_course(asked)}")
    remove = []
    if live and there and there.previous not in (None, version.version):
        remove.append(f"warm workers of {version.model}:{there.previous}, once {version} is live")
    return tuple(create), tuple(change), tuple(remove)


def _course(asked: Wanted) -> str:
    if asked.strategy == "shadow":
        return "copies alone, nobody is answered"
    shares = [f"{step:g}%" for step in asked.steps if step < 100 or asked.strategy != "ab"]
    held = f", {asked.interval:g} s each" if asked.strategy in ("linear", "rolling") else ""
    return " → ".join(shares) + held
