"""What flags and settings ask of a deployment, checked before anything is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypedDict

from pydantic import ValidationError

from mlwright.core.environments import AutoScaling, Environment
from mlwright.core.errors import ConfigError

from . import guards as guard_texts
from .strategies import STRATEGIES
from .targets import TARGETS

_INTERVALS: Final = {"linear": 60.0, "rolling": 5.0}
_LINEAR: Final = tuple(float(share) for share in range(10, 100, 10))
_UNGUARDED: Final = ("all_at_once", "shadow", "rolling")
_WITHOUT_PERCENTAGE: Final = (*_UNGUARDED, "linear")


class Choices(TypedDict, total=False):
    """What a deployment may be given; None or absent takes the environment's settings."""

    platform: str | None
    strategy: str | None
    canary_percentage: float | None
    steps: Sequence[float] | None
    guards: Mapping[str, str] | None
    interval: float | None
    port: int | None
    workers: int | None
    auto_scaling: str | None
    recorded: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What flags and settings ask for.

    `port_flag` is None where nobody asked for a port. With `auto_scaling`, `workers` is how many
    it begins with. `recorded` is what other platforms would need, kept with the release.
    """

    platform: str
    host: str
    port: int
    workers: int
    strategy: str
    steps: tuple[float, ...]
    guards: dict[str, str]
    port_flag: int | None
    interval: float = 0.0
    auto_scaling: AutoScaling | None = None
    recorded: Mapping[str, str] = field(default_factory=dict)


def wanted(
    settings: Environment,
    *,
    running: Mapping[str, Any] | None = None,
    platform: str | None = None,
    strategy: str | None = None,
    canary_percentage: float | None = None,
    steps: Sequence[float] | None = None,
    guards: Mapping[str, str] | None = None,
    interval: float | None = None,
    port: int | None = None,
    workers: int | None = None,
    auto_scaling: str | None = None,
    recorded: Mapping[str, str] | None = None,
) -> Wanted:
    """Take each choice from the flag, else from the settings, and check it.

    `running` is what an environment that runs was given before: its workers and their bounds stay,
    unless others are asked for.

    Raises:
        UnknownBackend: no platform or strategy has that name.
        ConfigError: steps that do not grow, a guard that cannot be read, a number out of range.
    """
    strategy = strategy or ("canary" if canary_percentage or steps else settings.strategy)
    platform = platform or settings.platform
    TARGETS.load(platform)
    STRATEGIES.load(strategy)
    if canary_percentage is not None:
        _check_percentage(canary_percentage, strategy)
    texts = dict(settings.guards if guards is None else guards)
    texts = {} if strategy == "shadow" else texts  # nobody is answered: nothing is compared by arm
    guard_texts.parse(texts)
    bounds = _bounds(settings, running or {}, auto_scaling)
    count = _count(settings, running or {}, workers, bounds)
    found = _steps(strategy, settings, canary_percentage, steps, count)
    if strategy not in _UNGUARDED and len(found) > 1 and not texts:
        raise ConfigError(
            f"a {strategy.replace('_', '-')} rollout needs at least one guard",
            hint="--guard error_rate=1%",
        )
    if port is not None and not 0 <= port <= 65535:
        raise ConfigError(f"{port} is not a port", hint="--port 8080, or 0 for a free one")
    if interval is not None and not 0 < interval < float("inf"):
        raise ConfigError(f"an interval of {interval:g} s", hint="--interval 60s")
    return Wanted(
        platform,
        settings.host,
        settings.port if port is None else port,
        count,
        strategy,
        found,
        texts,
        port,
        interval or settings.interval or _INTERVALS.get(strategy, 0.0),
        bounds,
        dict(recorded or {}),
    )


def _check_percentage(percentage: float, strategy: str) -> None:
    if not 0 < percentage < 100:
        raise ConfigError(
            f"a canary percentage of {percentage:g}: choose more than 0 and less than 100",
            hint="--canary-percentage 10",
        )
    if strategy in _WITHOUT_PERCENTAGE:
        name = strategy.replace("_", "-")
        raise ConfigError(
            f"{name} has no use for a canary percentage",
            hint="leave it out, or --strategy canary, blue-green or ab",
        )


def _bounds(
    settings: Environment, running: Mapping[str, Any], asked: str | None
) -> AutoScaling | None:
    """Return the bounds of auto-scaling from the flag, else the settings, else what runs."""
    if asked is None and "auto_scaling" not in settings.model_fields_set:
        before = running.get("auto_scaling")
        return AutoScaling(**before) if before else None
    if asked is None:
        return settings.auto_scaling
    try:
        return Environment.model_validate({"auto_scaling": asked}).auto_scaling
    except ValidationError as exc:
        said = "; ".join(
            ": ".join([*map(str, error["loc"][1:]), error["msg"].removeprefix("Value error, ")])
            for error in exc.errors()
        )
        raise ConfigError(
            f"auto-scaling {asked!r}: {said}", hint="write --auto-scaling min=1,max=4"
        ) from None


def _count(
    settings: Environment,
    running: Mapping[str, Any],
    asked: int | None,
    bounds: AutoScaling | None,
) -> int:
    """Return how many workers a version has, or begins with where there are bounds."""
    written = "workers" in settings.model_fields_set and not (bounds and running)
    count = asked or (settings.workers if written else running.get("workers", settings.workers))
    if asked == 0 or not 1 <= count <= 64:
        raise ConfigError(f"{asked} workers: choose 1 to 64", hint="--workers 2")
    return min(bounds.max, max(bounds.min, count)) if bounds else count


def _steps(
    strategy: str,
    settings: Environment,
    percentage: float | None,
    steps: Sequence[float] | None,
    workers: int,
) -> tuple[float, ...]:
    """Return the shares in turn; the last of them is 100."""
    if strategy in ("all_at_once", "shadow"):
        return (100.0,)
    if strategy == "rolling" and not steps:
        return tuple(100.0 * (i + 1) / workers for i in range(workers))
    if strategy == "blue_green" and not steps:
        told = "canary_percentage" in settings.model_fields_set
        percentage = percentage or (settings.canary_percentage if told else None)
        if percentage is None:
            return (100.0,)
    if strategy == "linear":
        return _growing(steps or settings.steps or _LINEAR)
    if strategy == "ab":
        return _growing((percentage or (steps or (50.0,))[0],))
    first = settings.canary_percentage if percentage is None else percentage
    return _growing(steps or (settings.steps if percentage is None else ()) or (first,))


def _growing(asked: Sequence[float]) -> tuple[float, ...]:
    steps = tuple(float(step) for step in asked)
    steps = steps if steps[-1] == 100 else (*steps, 100.0)
    if len(steps) < 2 or steps[0] <= 0 or any(a >= b for a, b in pairwise(steps)):
        written = ", ".join(f"{step:g}" for step in asked)
        raise ConfigError(
            f"the steps {written} are not percentages that grow from above 0 to 100",
            hint="write --steps 5,25,50",
        )
    return steps
