"""What an A/B test is to compare, as a user writes it, and what it can find."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, cast

import yaml
from pydantic import Field, ValidationError

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.config import Section, load
from mlwright.core.errors import ConfigError, NotFound
from mlwright.core.workspace import Workspace
from mlwright.stats.power import smallest_effect, units_needed
from mlwright.track import models
from mlwright.track.models import ModelVersion

from . import experiment

DAY: Final = 86_400.0


class Split(Section):
    """How traffic is shared, in percent."""

    a: Annotated[float, Field(gt=0, lt=100)] = 50
    b: Annotated[float, Field(gt=0, lt=100)] = 50


class AbTest(Section):
    """An experiment as a user writes it, at the top of a file or under `ab_test:`.

    The first metric decides about the size; `effect` is the difference that it should find.
    """

    model_a: str
    model_b: str
    traffic_split: Split = Split()
    metrics: tuple[str, ...] = ("accuracy",)
    duration_days: Annotated[float, Field(gt=0, le=366)] = 7
    effect: Annotated[float, Field(gt=0)] = 0.02
    guards: dict[str, str] | None = None


class _File(Section):
    ab_test: AbTest


@dataclass(frozen=True, slots=True)
class Design:
    """What an experiment can find, worked out before it starts."""

    environment: str
    a: ModelVersion
    b: ModelVersion
    share: float
    days: float
    metrics: tuple[str, ...]
    units_a_day: float | None
    power: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the design as a JSON object."""
        return {
            "environment": self.environment,
            "model_a": str(self.a),
            "model_b": str(self.b),
            "share_b": self.share,
            "duration_days": self.days,
            "units_a_day": self.units_a_day,
            "metrics": list(self.metrics),
            "power": list(self.power),
        }


def read_test(path: Path) -> AbTest:
    """Read an experiment from a YAML or JSON file.

    Raises:
        ConfigError: with every complaint at once.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        found = None  # `load` says what is wrong with it
    if isinstance(found, dict) and "ab_test" in found:
        return load(path, _File).ab_test
    return load(path, AbTest)


def make(**values: Any) -> AbTest:
    """Return an experiment from flags.

    Raises:
        ConfigError: with every complaint at once.
    """
    try:
        return AbTest.model_validate(values)
    except ValidationError as exc:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
        raise ConfigError("; ".join(told), hint="mlwright abtest start --help") from exc


def design(workspace: Workspace, environment: str, test: AbTest) -> Design:
    """Work out versions, shares and power, and change nothing.

    Raises:
        NotFound: a version that is not registered.
        ConfigError: two models, one version twice, shares that are no whole, an unknown metric.
    """
    a, b = (_version(workspace, name) for name in (test.model_a, test.model_b))
    if a.model != b.model:
        raise ConfigError(
            f"{a} and {b} are versions of two models: their inputs may differ",
            hint="register one as a version of the other: mlwright adopt, or train with --name",
        )
    if a.version == b.version:
        raise ConfigError(f"{a} is both sides of the experiment", hint="name two versions")
    split = test.traffic_split
    if abs(split.a + split.b - 100) > 1e-6:
        raise ConfigError(
            f"traffic_split: {split.a:g} and {split.b:g} do not make 100", hint="write a: 50, b: 50"
        )
    bundle = Bundle.open(a.bundle)
    metrics = experiment.checked_metrics(test.metrics, bundle.signature)
    rate = _units_a_day(workspace, environment)
    share = split.b / 100
    known = bundle.metrics.get("holdout", {})
    power = tuple(
        _power(name, known.get(name), test.effect, share, rate, test.duration_days)
        for name in metrics
    )
    return Design(environment, a, b, share, test.duration_days, metrics, rate, power)


def _version(workspace: Workspace, name: str) -> ModelVersion:
    """Resolve a MODEL; `churn_model_v2` is version 2 of churn_model, where none has that name."""
    try:
        return models.resolve(workspace, name)
    except NotFound:
        if match := re.fullmatch(r"(.+)_v(\d+)", name):
            return models.resolve(workspace, f"{match[1]}:{match[2]}")
        raise


def _units_a_day(workspace: Workspace, environment: str) -> float | None:
    """Return the different keys (or requests without a key) a day, by the last day's log."""
    from mlwright.predictions import reader

    table = reader.read(workspace.environment(environment) / "log", since=clock.now() - DAY).table
    if table.height < 2:
        return None
    units = int(table["key"].drop_nulls().n_unique()) + int(table["key"].null_count())
    span = cast(float, table["time"].max()) - cast(float, table["time"].min())
    return units * DAY / span if span > 0 else None


def _power(
    name: str,
    known: dict[str, float] | None,
    effect: float,
    share: float,
    units_a_day: float | None,
    days: float,
) -> dict[str, Any]:
    if known is None or not 0 < known["value"] < 1:
        return {"metric": name, "baseline": None}
    variance = known["value"] * (1 - known["value"])
    units = units_needed(variance, effect, share=share)
    found: dict[str, Any] = {
        "metric": name,
        "baseline": known["value"],
        "effect": effect,
        "units_needed": units,
        "days_needed": units / units_a_day if units_a_day else None,
    }
    if units_a_day:
        planned = units_a_day * days
        found["smallest_effect"] = smallest_effect(variance, planned, share=share)
    return found
