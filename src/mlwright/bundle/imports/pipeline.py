"""Fitted preprocessing of scikit-learn, said as a plan.

Each column is followed through the steps: as a number with a fill, a centre and a scale, or as a
category that ends as the numbers of an encoder. What cannot be said so is refused with
`CannotCompile`, and scikit-learn then runs the original.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlwright.bundle.plan import NumberStep, Plan, Step, TargetStep
from mlwright.bundle.trees import CannotCompile

UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Number:
    """A column that is still a number: `(x - center) / scale`, a null as `fill` before that."""

    column: int
    fill: float | None = None
    center: float = 0.0
    scale: float = 1.0

    def step(self, name: str) -> Step:
        """Return it as a step of a plan."""
        return NumberStep(name, self.fill, self.center, self.scale)

    def filled(self, value: float) -> Number:
        """Return it with nulls filled by a value of what it is now."""
        if self.fill is not None:
            return self
        return replace(self, fill=float(value) * self.scale + self.center)

    def scaled(self, center: float, scale: float) -> Number:
        """Return it centred and scaled once more."""
        return replace(
            self,
            center=self.center + self.scale * float(center),
            scale=self.scale * float(scale),
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column that became numbers by its category; `unseen` is for one that is not listed."""

    column: int
    categories: tuple[Any, ...]
    rows: tuple[tuple[float, ...], ...]
    unseen: tuple[float, ...]

    def step(self, name: str) -> Step:
        """Return it as a step of a plan."""
        return TargetStep(name, self.categories, self.rows, self.unseen)


@dataclass(frozen=True, slots=True)
class Category:
    """A column before its encoder; a null counts as `fill`, where that is known."""

    column: int
    fill: Any = UNKNOWN


Lane = Number | Encoded | Category


@dataclass(frozen=True, slots=True)
class Translated:
    """The estimator at the end, and what every column is when it gets there."""

    lanes: tuple[Number | Encoded, ...]
    model: Any

    @property
    def filled(self) -> set[int]:
        """Return the places of the columns whose nulls have a meaning."""
        return {
            lane.column
            for lane in self.lanes
            if (isinstance(lane, Number) and lane.fill is not None)
            or (isinstance(lane, Encoded) and None in lane.categories)
        }

    def plan(self, names: Sequence[str]) -> Plan:
        """Return the plan over the columns of these names."""
        return Plan(tuple(lane.step(names[lane.column]) for lane in self.lanes))


def translated(model: Any) -> Translated:
    """Return an estimator with the preprocessing before it.

    Raises:
        CannotCompile: a plan has no word for a step.
    """
    lanes: list[Lane] = [Number(i) for i in range(model.n_features_in_)]
    if type(model).__name__ == "Pipeline":
        for _, step in model.steps[:-1]:
            lanes = _through(step, lanes)
        model = model.steps[-1][1]
    done = [lane for lane in lanes if not isinstance(lane, Category)]
    if len(done) < len(lanes):
        raise CannotCompile("a column reaches the estimator without an encoder")
    return Translated(tuple(done), model)


def _through(step: Any, lanes: list[Lane]) -> list[Lane]:
    if step is None or step == "passthrough":
        return lanes
    name = type(step).__name__
    if name not in _STEPS:
        raise CannotCompile(f"a plan has no word for {name}")
    return _STEPS[name](step, lanes)


def _pipeline(step: Any, lanes: list[Lane]) -> list[Lane]:
    for _, inner in step.steps:
        lanes = _through(inner, lanes)
    return lanes


def _column_transformer(step: Any, lanes: list[Lane]) -> list[Lane]:
    if step.sparse_threshold is None or step.transformer_weights:
        raise CannotCompile("a ColumnTransformer weighs its parts")
    found: list[Lane] = []
    places = step._transformer_to_input_indices
    for name, inner, _ in step.transformers_:
        if inner == "drop" or not len(places[name]):
            continue
        found += _through(inner, [lanes[place] for place in places[name]])
    return found


def _function(step: Any, lanes: list[Lane]) -> list[Lane]:
    if step.func is not None:  # None lets columns through, as `remainder="passthrough"` does
        raise CannotCompile("a FunctionTransformer calls a function")
    return lanes


def _imputer(step: Any, lanes: list[Lane]) -> list[Lane]:
    # NaN and None are what a null is; another marker would have to be looked for in each value.
    if step.add_indicator or not (
        step.missing_values is None or step.missing_values != step.missing_values
    ):
        raise CannotCompile("a SimpleImputer marks what it filled, or fills another value")
    return [
        _filled(lane, value) for lane, value in zip(lanes, step.statistics_.tolist(), strict=True)
    ]


def _filled(lane: Lane, value: Any) -> Lane:
    if isinstance(value, str):
        return Category(lane.column, value)
    if value is None or value != value or not isinstance(lane, Number):
        raise CannotCompile("a SimpleImputer has nothing to fill with")
    return lane.filled(value)


def _scaler(center: str, scale: str) -> Callable[[Any, list[Lane]], list[Lane]]:
    def through(step: Any, lanes: list[Lane]) -> list[Lane]:
        size = len(lanes)
        centers = _each(getattr(step, center, None), size, 0.0)
        scales = _each(getattr(step, scale, None), size, 1.0)
        if not all(isinstance(lane, Number) for lane in lanes):
            raise CannotCompile(f"a {type(step).__name__} stands behind an encoder")
        return [
            lane.scaled(c, s)  # type: ignore[union-attr]
            for lane, c, s in zip(lanes, centers, scales, strict=True)
        ]

    return through


def _each(values: Any, size: int, default: float) -> list[float]:
    found: list[float] = np.asarray(values, np.float64).tolist() if values is not None else []
    return found or [default] * size


def _min_max(step: Any, lanes: list[Lane]) -> list[Lane]:
    if step.clip:
        raise CannotCompile("a MinMaxScaler clips")
    # x * scale_ + min_ is (x - (-min_ / scale_)) / (1 / scale_).
    pairs = zip((-step.min_ / step.scale_).tolist(), (1 / step.scale_).tolist(), strict=True)
    if not all(isinstance(lane, Number) for lane in lanes):
        raise CannotCompile("a MinMaxScaler stands behind an encoder")
    return [
        lane.scaled(c, s)  # type: ignore[union-attr]
        for lane, (c, s) in zip(lanes, pairs, strict=True)
    ]


def _one_hot(step: Any, lanes: list[Lane]) -> list[Lane]:
    if getattr(step, "_infrequent_enabled", False):
        raise CannotCompile("a OneHotEncoder joins rare categories")
    if step.handle_unknown not in ("ignore", "error"):
        raise CannotCompile(f"a OneHotEncoder with handle_unknown={step.handle_unknown!r}")
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(lanes)
    found: list[Lane] = []
    for lane, categories, drop in zip(lanes, step.categories_, dropped, strict=True):
        width = len(categories)
        kept = [i for i in range(width) if drop is None or i != drop]
        rows = np.eye(width)[:, kept]
        found.append(_encoded(lane, categories, rows, np.zeros(len(kept))))
    return found


def _ordinal(step: Any, lanes: list[Lane]) -> list[Lane]:
    if getattr(step, "_infrequent_enabled", False):
        raise CannotCompile("an OrdinalEncoder joins rare categories")
    unseen = step.unknown_value if step.handle_unknown == "use_encoded_value" else math.nan
    found: list[Lane] = []
    for lane, categories in zip(lanes, step.categories_, strict=True):
        codes = np.arange(len(categories), dtype=np.float64)
        if len(categories) and _is_null(categories[-1]):
            codes[-1] = step.encoded_missing_value
        found.append(_encoded(lane, categories, codes[:, None], np.array([float(unseen)])))
    return found


def _encoded(lane: Lane, categories: Any, rows: Any, unseen: Any) -> Encoded:
    plain = isinstance(lane, Category) or (
        isinstance(lane, Number) and (lane.center, lane.scale) == (0.0, 1.0)
    )
    if not plain:
        raise CannotCompile("an encoder stands behind a scaler")
    names = [None if _is_null(c) else c for c in np.asarray(categories, object).tolist()]
    codes = dict(zip(names, map(tuple, rows.tolist()), strict=True))
    fill = lane.fill if isinstance(lane, Category | Number) else UNKNOWN
    if fill is not UNKNOWN and fill is not None:
        codes[None] = codes.get(fill, tuple(unseen.tolist()))
    return Encoded(lane.column, tuple(codes), tuple(codes.values()), tuple(unseen.tolist()))


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


_STEPS: dict[str, Callable[[Any, list[Lane]], list[Lane]]] = {
    "ColumnTransformer": _column_transformer,
    "FunctionTransformer": _function,
    "MaxAbsScaler": _scaler("", "scale_"),
    "MinMaxScaler": _min_max,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "Pipeline": _pipeline,
    "RobustScaler": _scaler("center_", "scale_"),
    "SimpleImputer": _imputer,
    "StandardScaler": _scaler("mean_", "scale_"),
}
