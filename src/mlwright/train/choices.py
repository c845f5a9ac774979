"""How a model is to be made, beyond its table, target and algorithm: one value, passed whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlwright.core import settings
from mlwright.core.signature import OnNull

Encode = Literal["one_hot", "ordinal", "target", "tfidf"]
Impute = Literal["median", "mean", "zero", "none"]
Scale = Literal["standard", "none"]


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """How one column becomes features; None is chosen from its kind, and from its nulls."""

    encode: Encode | None = None
    impute: Impute | None = None
    scale: Scale | None = None
    on_null: OnNull | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may choose. A retraining and a verification make the same choices again.

    Attributes:
        split: `auto`, `random`, `time`, or `group:COLUMN`.
        force_random_split: let `random` stand although rows are dated.
        drop_leaks: leave leaking columns out, instead of naming them only.
        available_at: whether a column is known `before` or only `after` what is predicted.
        features: name -> expression over columns.
        columns: column -> how it becomes features.
        class_weight: `balanced` gives every class the same weight.
        weight: a column of row weights, which is no input.
        monotone: column -> `increasing` or `decreasing`.
        calibration: of probabilities, fitted on out-of-fold scores.
        threshold: of a binary model: a metric, `cost:fp=1,fn=5`, or a number.
        time_budget: seconds for all fitting.
        device: where a neural network is fitted.
        base: the model that a transformer starts from: a folder, or an id of the hub.
        download: fetch the base from the hub where this machine does not have it.
        max_tokens: what a transformer reads of a row at most, in tokens.
    """

    split: str = "auto"
    force_random_split: bool = False
    drop_leaks: bool = False
    available_at: Mapping[str, Literal["before", "after"]] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, ColumnChoice] = field(default_factory=dict)
    class_weight: Literal["none", "balanced"] = "none"
    weight: str | None = None
    monotone: Mapping[str, Literal["increasing", "decreasing"]] = field(default_factory=dict)
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    threshold: str = "f1"
    time_budget: float | None = None
    device: Literal["auto", "cpu", "cuda", "tpu"] = "auto"
    base: str | None = None
    download: bool = False
    max_tokens: int = 256

    @property
    def group(self) -> str | None:
        """Return the column whose values stay on one side of every split, or None.

        >>> Choices(split="group:store").group
        'store'
        """
        return self.split.partition(":")[2] or None

    def to_json(self) -> dict[str, Any]:
        """Return the choices as a JSON object, the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Choices:
        """Read what `to_json` wrote.

        >>> Choices.from_json(Choices(weight="w").to_json()) == Choices(weight="w")
        True
        """
        columns = {name: ColumnChoice(**each) for name, each in value["columns"].items()}
        return cls(**{**value, "columns": columns})

    @classmethod
    def from_settings(cls, model: settings.Model) -> Choices:
        """Return what the configuration's `model` section chooses."""
        names = cls.__dataclass_fields__
        return cls.from_json(model.model_dump(include=set(names)))


PLAIN = Choices()
"""Everything found out, nothing chosen."""
