"""What `mlwright.yaml` may say. Every key has a default; the file itself may be absent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .channels import Alerts
from .config import Secret, Section, load
from .environments import Environment
from .space import SearchRange as SearchRange
from .space import SearchSpace
from .values import Plain, Seconds, Share

FILE = "mlwright.yaml"


class Column(Section):
    """How one column becomes features; what is left out is chosen from the column's kind.

    `on_null` is what a model does with a row that lacks the value, by default impute where the
    training rows held nulls, else reject.
    """

    encode: Literal["one_hot", "ordinal", "target", "tfidf"] | None = None
    impute: Literal["median", "mean", "zero", "none"] | None = None
    scale: Literal["standard", "none"] | None = None
    on_null: Literal["reject", "impute"] | None = None


class Model(Section):
    """What to train: the snippet of the first workflow, as it stands."""

    name: str | None = None
    type: Literal["classification", "regression", "text_classification", "transformer"] | None = (
        None
    )
    algorithm: str = "lightgbm"
    dataset: str | None = None
    target: str | None = None
    metrics: tuple[str, ...] = ()
    params: dict[str, Plain] = Field(default_factory=dict)
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
    device: Literal["auto", "cpu", "cuda", "tpu"] = "auto"
    base: str | None = None
    download: bool = False
    max_tokens: Annotated[int, Field(ge=8)] = 256


class Tune(Section):
    """How parameters are searched for: lists of values, or ranges `{low, high, log, step}`.

    `when: {NAME: VALUE}` beside a range, or beside `values`, searches a parameter only where
    another has that value, or one of those.
    """

    strategy: Literal["bayesian", "random", "grid", "genetic"] = "bayesian"
    trials: Annotated[int, Field(ge=1)] = 40
    timeout: Annotated[Seconds, Field(gt=0)] | None = None
    cv_folds: Annotated[int, Field(ge=2, le=20)] = 5
    cv: Literal["auto", "kfold", "stratified", "group", "time"] = "auto"
    optimization_metric: str | None = None
    search_space: SearchSpace = Field(default_factory=dict)


class Wandb(Section):
    """Runs in Weights & Biases too; `project` is the model's name where none is given.

    offline: kept in `.mlwright/wandb`, for `wandb sync`. `url` is a server of one's own. The
    token is that of `wandb login`, or in WANDB_API_KEY, where none is named.
    """

    project: str | None = None
    entity: str | None = None
    mode: Literal["online", "offline"] | None = None
    url: str | None = None
    token: Secret | None = None


class Tracking(Section):
    """Where runs and versions are mirrored: any MLflow URI, by default SQLite in the workspace."""

    uri: str | None = None
    token: Secret | None = None
    wandb: Wandb | None = None


class Log(Section):
    """What the prediction log keeps of a row, and how surely.

    `leave_out` and `hash` name columns. A log that is `required` and cannot be written makes the
    answer a 503; `best-effort` lets it leave, and counts. `sync` says when the disk itself has it:
    before the answer (`always`), or within a second.
    """

    leave_out: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    policy: Literal["required", "best-effort"] = "required"
    sync: Literal["interval", "always"] = "interval"


class Monitor(Section):
    """When a check speaks of drift (see docs/decisions/drift.md), and what is kept for reports.

    With `joint`, columns are also compared together, with rows of the reference.

    Each hour's profile is kept, and for the most frequent values of `segment` one of their own. The
    log itself goes after `keep_days`; by default it stays.
    """

    drift_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.001
    effect_floor: Annotated[float, Field(ge=0, lt=1)] = 0.05
    minimum_rows: Annotated[int, Field(ge=1)] = 500
    joint: bool = False
    segment: str | None = None
    keep_days: Annotated[float, Field(gt=0)] | None = None


class Retrain(Section):
    """How a challenger is made and judged, when one is due, and what may not be learned from.

    With `tune` its parameters are searched for first, as the section `tune` says.

    A window is refused when less than `label_rate` of its rows are labelled, a feature differs
    from the reference by more than `drift_limit`, or one row makes more than `repeated_limit`.
    """

    newest_share: Annotated[Share, Field(gt=0, lt=0.9)] = 0.3
    minimum_rows: Annotated[int, Field(ge=10)] = 500
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.98
    tune: bool = False
    triggers: tuple[Literal["drift", "performance"], ...] = ("drift", "performance")
    schedule: Literal["daily", "weekly", "monthly"] | None = None
    new_labels: Annotated[int, Field(ge=1)] | None = None
    cool_down: Annotated[Seconds, Field(ge=0)] = 86_400.0
    budget_per_week: Annotated[int, Field(ge=1)] = 3
    training_data: Annotated[Seconds, Field(gt=0)] = 90 * 86_400.0
    label_rate: Annotated[Share, Field(ge=0, le=1)] = 0.01
    drift_limit: Annotated[Share, Field(gt=0, le=1)] = 0.95
    repeated_limit: Annotated[Share, Field(gt=0, le=1)] = 0.5
    strange_labels: Annotated[Share, Field(ge=0, le=1)] = 0.01


class Trust(Section):
    """What the user lets run and be reached; it is never read from a model."""

    bundles: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = ()
    skops_types: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()


class Settings(Section):
    """The whole file."""

    model: Model = Model()
    tune: Tune = Tune()
    tracking: Tracking = Tracking()
    log: Log = Log()
    environments: dict[str, Environment] = Field(default_factory=dict)
    monitor: Monitor = Monitor()
    alerts: Alerts = Alerts()
    retrain: Retrain = Retrain()
    trust: Trust = Trust()
    rag: Any = None  # read and checked by `rag.config`, which knows its keys

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
