"""What `mlwright.yaml` may say. Every key has a default; the file itself may be absent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .clock import duration
from .config import Secret, Section, load

FILE = "mlwright.yaml"
DEFAULT_GUARDS = {"error_rate": "1%", "p95": "500ms"}


def _share(value: Any) -> Any:
    """Read `1%` as 0.01; a bare number stays as it is."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    return value


def _percentages(value: Any) -> Any:
    """Read `5,25,50` as a list of numbers."""
    if isinstance(value, str):
        return [part.strip().removesuffix("%") for part in value.split(",")]
    return value


def _seconds(value: Any) -> Any:
    return duration(value) if isinstance(value, str) else value


Share = Annotated[float, BeforeValidator(_share)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Percentages = Annotated[tuple[float, ...], BeforeValidator(_percentages)]
Strategy = Literal["all_at_once", "canary"]


class SearchRange(Section):
    """The values from `low` to `high`; whole numbers where both are; `log` for orders of size."""

    low: float | int
    high: float | int
    log: bool = False
    step: float | int | None = None


class Column(Section):
    """How one column becomes features; what is left out is chosen from the column's kind."""

    encode: Literal["one_hot", "ordinal", "target", "tfidf"] | None = None
    impute: Literal["median", "mean", "zero", "none"] | None = None
    scale: Literal["standard", "none"] | None = None


class Model(Section):
    """What to train: the snippet of the first workflow, as it stands."""

    name: str | None = None
    type: Literal["classification", "regression", "text_classification"] | None = None
    algorithm: str = "lightgbm"
    dataset: str | None = None
    target: str | None = None
    metrics: tuple[str, ...] = ()
    params: dict[str, float | int | str | bool] = Field(default_factory=dict)
    holdout: Annotated[Share, Field(gt=0, lt=0.9)] = 0.2
    split: Annotated[str, Field(pattern=r"^(auto|random|time|group:.+)$")] = "auto"
    force_random_split: bool = False
    drop_leaks: bool = False
    available_at: dict[str, Literal["before", "after"]] = Field(default_factory=dict)
    features: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, Column] = Field(default_factory=dict)
    class_weight: Literal["none", "balanced"] = "none"
    weight: str | None = None
    monotone: dict[str, Literal["increasing", "decreasing"]] = Field(default_factory=dict)
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    threshold: Annotated[str, BeforeValidator(str)] = "f1"
    time_budget: Annotated[Seconds, Field(gt=0)] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Tune(Section):
    """How parameters are searched for: lists of values, or ranges `{low, high, log, step}`."""

    strategy: Literal["bayesian", "random", "grid", "genetic"] = "bayesian"
    trials: Annotated[int, Field(ge=1)] = 40
    timeout: Annotated[Seconds, Field(gt=0)] | None = None
    cv_folds: Annotated[int, Field(ge=2, le=20)] = 5
    cv: Literal["auto", "kfold", "stratified", "group", "time"] = "auto"
    optimization_metric: str | None = None
    search_space: dict[str, tuple[float | int | str | bool, ...] | SearchRange] = Field(
        default_factory=dict
    )


class Tracking(Section):
    """Where runs and versions are mirrored: any MLflow URI, by default SQLite in the workspace."""

    uri: str | None = None
    token: Secret | None = None


class Environment(Section):
    """A place that answers. The environment named production holds the champion."""

    platform: str = "local"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    strategy: Strategy = "all_at_once"
    canary_percentage: Annotated[float, Field(gt=0, lt=100)] = 10
    steps: Percentages = ()
    guards: dict[str, str] = Field(default_factory=lambda: dict(DEFAULT_GUARDS))
    holds_champion: bool | None = None


class Monitor(Section):
    """When a check speaks of drift (see docs/decisions/drift.md) and of degradation."""

    drift_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.001
    effect_floor: Annotated[float, Field(ge=0, lt=1)] = 0.05
    minimum_rows: Annotated[int, Field(ge=1)] = 500


class Channel(Section):
    """Where alerts go: a file, one text block an alert (or one JSON line, for `.jsonl`)."""

    type: Literal["file"]
    path: Path


class Alerts(Section):
    """Who is told."""

    channels: tuple[Channel, ...] = (Channel(type="file", path=Path("alerts.txt")),)


class Retrain(Section):
    """How a challenger is made and judged."""

    newest_share: Annotated[Share, Field(gt=0, lt=0.9)] = 0.3
    minimum_rows: Annotated[int, Field(ge=10)] = 500
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.98


class Settings(Section):
    """The whole file."""

    model: Model = Model()
    tune: Tune = Tune()
    tracking: Tracking = Tracking()
    environments: dict[str, Environment] = Field(default_factory=dict)
    monitor: Monitor = Monitor()
    alerts: Alerts = Alerts()
    retrain: Retrain = Retrain()

    def environment(self, name: str) -> Environment:
        """Return the environment's settings, with the champion rule made definite."""
        found = self.environments.get(name, Environment())
        if found.holds_champion is None:
            found = found.model_copy(update={"holds_champion": name == "production"})
        return found


def read_settings(folder: Path) -> Settings:
    """Read `mlwright.yaml` in this folder, or return the defaults when there is none.

    Raises:
        ConfigError: with every complaint at once.
    """
    path = folder / FILE
    return load(path, Settings) if path.exists() else Settings()


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What a model, an environment or an alias may be called; safe as a file name and in a URL."""
