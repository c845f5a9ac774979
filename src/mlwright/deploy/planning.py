"""What a deployment is to do, worked out from flags, settings and what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.trust import Trust
from mlwright.core.environments import Environment as Settings
from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace, checked_name
from mlwright.serve.spec import Access
from mlwright.track import models
from mlwright.track.models import ModelVersion

from . import releases
from .access import access_of, kept
from .preparing import missing
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
    access: Access = field(default_factory=Access)

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
    running = there.settings if there and live else None
    settings = workspace.settings.environment(environment)
    if there and there.wanted == "running":
        choices["platform"] = stays(there, settings, choices.get("platform"))
    asked = wanted(settings, running=running, **choices)
    _check_labels(asked, version)
    if live and live.model != version.model:
        raise ConfigError(
            f"{environment} answers with {live.ref}, which is another model",
            hint=f"choose another environment, or mlwright stop {environment}",
        )
    if live is None and asked.strategy != "all_at_once":
        asked = _at_once(asked)
    answers = live is not None and live.version == version.version
    first = None if answers else before(workspace, environment)
    made = () if answers else missing(workspace, environment, asked.platform, version)
    create, change, remove = _changes(environment, version, asked, there, live, first, made)
    access = access_of(workspace.root, settings, asked.platform)
    if there and there.wanted == "running" and kept(there.settings) != access:
        later = f"once {environment} is stopped and deployed again"
        change = (*change, f"keys, TLS, size of requests: as in mlwright.yaml {later}")
    return Plan(environment, version, asked, live, first, create, change, remove, access)


def stays(there: Environment, settings: Settings, asked: str | None) -> str:
    """Return the platform of an environment that runs: it moves to no other one.

    Raises:
        ConfigError: another one is asked for.
    """
    wanted = asked or (settings.platform if "platform" in settings.model_fields_set else None)
    if wanted not in (None, there.platform):
        raise ConfigError(
            f"{there.name} runs on the platform {there.platform}, not on {wanted}",
            hint=f"mlwright stop {there.name} first, to move it",
        )
    return there.platform


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


def _check_labels(asked: Wanted, version: ModelVersion) -> None:
    """Refuse a guard on labels of another kind than the model gives."""
    of_labels = [name for name in ("accuracy", "mae") if name in asked.guards]
    if not of_labels:
        return
    bundle = Bundle.open(version.bundle)
    if bundle.kind == "rag":
        what, right, hint = "an index of documents", "", "leave it out"
    elif bundle.signature.task == "regression":
        what, right, hint = "a regression model", "mae", "write mae=+5%"
    else:
        what, right = f"a {bundle.signature.task} model", "accuracy"
        hint = "write accuracy=-1%"
    for name in of_labels:
        if name != right:
            guard = f"{name}={asked.guards[name]}"
            raise ConfigError(f"{guard}: {version} is {what}, which has none", hint=hint)


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
    made: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    change = [f"environment {first}: {version} goes live there first"] if first else []
    running = there.settings.get("workers") if live and there else None
    if live and running and asked.workers != running:
        change.append(f"workers a version: {running} → {asked.workers}")
    bounds, before = scaled(asked), there.settings.get("auto_scaling") if there else None
    if live and bounds != before:
        change.append(f"auto-scaling: {_bounds(before)} → {_bounds(bounds)}")
    if live and live.version == version.version:
        return (), tuple(change), ()
    number = f"{asked.workers} worker{'s' * (asked.workers > 1)} of {version}"
    create = [*made, number + (f", {_bounds(bounds)} by load" if bounds and not live else "")]
    if live is None:
        where = f"{asked.host}:{asked.port}" if asked.port else f"a free port of {asked.host}"
        create.insert(0, f"environment {environment} on {where} ({asked.platform})")
    else:
        change.append(f"traffic: {live.ref} → {version}, {asked.strategy}, {_course(asked)}")
    remove = []
    if live and there and there.previous not in (None, version.version):
        remove.append(f"warm workers of {version.model}:{there.previous}, once {version} is live")
    return tuple(create), tuple(change), tuple(remove)


def scaled(asked: Wanted) -> dict[str, int] | None:
    """Return the bounds of auto-scaling as they are kept."""
    return asked.auto_scaling.model_dump() if asked.auto_scaling else None


def _bounds(kept: dict[str, int] | None) -> str:
    return f"{kept['min']} to {kept['max']} workers a version" if kept else "off"


def _course(asked: Wanted) -> str:
    if asked.strategy == "shadow":
        return "copies alone, nobody is answered"
    shares = [f"{step:g}%" for step in asked.steps if step < 100 or asked.strategy != "ab"]
    held = f", {asked.interval:g} s each" if asked.strategy in ("linear", "rolling") else ""
    return " → ".join(shares) + held
