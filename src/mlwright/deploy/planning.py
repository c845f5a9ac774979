"""What a deployment is to do, worked out from flags, settings and what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypedDict, Unpack

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace, checked_name
from mlwright.track import models
from mlwright.track.models import ModelVersion

from . import guards as guard_texts
from . import releases
from .releases import Environment, Release
from .strategies import STRATEGIES
from .targets import TARGETS


class Choices(TypedDict, total=False):
    """What a deployment may be given; None or absent takes the environment's settings."""

    platform: str | None
    strategy: str | None
    canary_percentage: float | None
    steps: Sequence[float] | None
    guards: Mapping[str, str] | None
    port: int | None
    workers: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What flags and settings ask for; `port` is None where nobody asked for one."""

    platform: str
    host: str
    port: int
    workers: int
    strategy: str
    steps: tuple[float, ...]
    guards: dict[str, str]
    port_flag: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment creates, changes and removes, one line each."""

    environment: str
    version: ModelVersion
    wanted: Wanted
    live: Release | None
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
            "create": list(self.create),
            "change": list(self.change),
            "remove": list(self.remove),
        }

    def text(self) -> str:
        """Return the plan as lines that begin with +, ~ or -."""
        marked = (("+", self.create), ("~", self.change), ("-", self.remove))
        lines = [f"{sign} {line}" for sign, group in marked for line in group]
        return "\n".join([f"{self.version} in {self.environment}:", *(lines or ["  no change"])])


def wanted(
    workspace: Workspace,
    environment: str,
    *,
    platform: str | None = None,
    strategy: str | None = None,
    canary_percentage: float | None = None,
    steps: Sequence[float] | None = None,
    guards: Mapping[str, str] | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> Wanted:
    """Take each choice from the flag, else from the settings, and check it.

    Raises:
        UnknownBackend: no platform or strategy has that name.
        ConfigError: steps that do not grow, a guard that cannot be read, a number out of range.
    """
    checked_name(environment, "environment")
    settings = workspace.settings.environment(environment)
    strategy = strategy or ("canary" if canary_percentage or steps else settings.strategy)
    platform = platform or settings.platform
    TARGETS.load(platform)
    STRATEGIES.load(strategy)
    texts = dict(settings.guards if guards is None else guards)
    guard_texts.parse(texts)
    if strategy != "all_at_once" and not texts:
        raise ConfigError("a canary needs at least one guard", hint="--guard error_rate=1%")
    if workers is not None and not 1 <= workers <= 64:
        raise ConfigError(f"{workers} workers: choose 1 to 64", hint="--workers 2")
    if port is not None and not 0 <= port <= 65535:
        raise ConfigError(f"{port} is not a port", hint="--port 8080, or 0 for a free one")
    first = canary_percentage if canary_percentage is not None else settings.canary_percentage
    asked = steps or (settings.steps if canary_percentage is None else ()) or (first,)
    return Wanted(
        platform,
        settings.host,
        settings.port if port is None else port,
        settings.workers if workers is None else workers,
        strategy,
        _steps(asked) if strategy != "all_at_once" else (100.0,),
        texts,
        port,
    )


def _steps(asked: Sequence[float]) -> tuple[float, ...]:
    steps = tuple(float(step) for step in asked)
    steps = steps if steps[-1] == 100 else (*steps, 100.0)
    if len(steps) < 2 or steps[0] <= 0 or any(a >= b for a, b in pairwise(steps)):
        written = ", ".join(f"{step:g}" for step in asked)
        raise ConfigError(
            f"the steps {written} are not percentages that grow from above 0 to 100",
            hint="write --steps 5,25,50",
        )
    return steps


def plan(workspace: Workspace, model: str, environment: str, **choices: Unpack[Choices]) -> Plan:
    """Work out what `deploy` with the same arguments would do, and change nothing.

    Raises:
        NotFound: no such model or version.
        BundleError: its bundle is damaged.
        ConfigError: a choice is wrong, or the environment answers with another model.
    """
    asked = wanted(workspace, environment, **choices)
    version = deployable(workspace, model)
    with workspace.state.read() as connection:
        there = releases.environment(connection, environment)
        live = releases.live(connection, environment)
    if live and live.model != version.model:
        raise ConfigError(
            f"{environment} answers with {live.ref}, which is another model",
            hint=f"choose another environment, or mlwright stop {environment}",
        )
    if live is None and asked.strategy != "all_at_once":
        asked = _at_once(asked)
    return Plan(
        environment, version, asked, live, *_changes(environment, version, asked, there, live)
    )


def deployable(workspace: Workspace, model: str) -> ModelVersion:
    """Return the registered version that a MODEL means, once its bundle is verified."""
    version = models.resolve(workspace, model)
    if version.version == 0:
        raise ConfigError(
            f"the bundle {version.bundle} is not registered in this workspace",
            hint="train in this workspace registers a version; mlwright models list shows them",
        )
    Bundle.open(version.bundle)
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
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if live and live.version == version.version:
        return (), (), ()
    create = [f"{asked.workers} worker{'s' * (asked.workers > 1)} of {version}"]
    change = []
    if live is None:
        where = f"{asked.host}:{asked.port}" if asked.port else f"a free port of {asked.host}"
        create.insert(0, f"environment {environment} on {where} ({asked.platform})")
    else:
        shares = " → ".join(f"{step:g}%" for step in asked.steps)
        change.append(f"traffic: {live.ref} → {version}, {asked.strategy}, {shares}")
    remove = []
    if live and there and there.previous not in (None, version.version):
        remove.append(f"warm workers of {version.model}:{there.previous}, once {version} is live")
    return tuple(create), tuple(change), tuple(remove)
