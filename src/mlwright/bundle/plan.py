"""The encoding of a model's columns as one matrix of numbers, as data that a file can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Row = Mapping[str, Any]

UNSEEN = -1.0
"""The code that an ordinal step gives to a category it does not list."""


@dataclass(frozen=True, slots=True)
class NumberStep:
    """A number: `(x - center) / scale`; a null becomes `fill`, or stays NaN when that is None."""

    column: str
    fill: float | None = None
    center: float = 0.0
    scale: float = 1.0

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of float64 values with NaN for null."""
        numbers = np.asarray(values, np.float64)
        if self.fill is not None:
            numbers = np.where(np.isnan(numbers), self.fill, numbers)
        return ((numbers - self.center) / self.scale)[:, None]


@dataclass(frozen=True, slots=True)
class BooleanStep:
    """A boolean as 0 or 1; a null becomes `fill`, or stays NaN when that is None."""

    column: str
    fill: float | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of float64 values 0, 1 or NaN."""
        return NumberStep(self.column, self.fill).encode(values)


@dataclass(frozen=True, slots=True)
class OneHotStep:
    """A feature a category; a category that is not listed, and a null unless listed, is all 0."""

    column: str
    categories: tuple[str | None, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return tuple(
            f"{self.column} is null" if category is None else f"{self.column}={category}"
            for category in self.categories
        )

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, categories), of an object array of str or None."""
        places = {category: place for place, category in enumerate(self.categories)}
        found = np.array([places.get(value, -1) for value in values], np.int64)
        out = np.zeros((len(found), len(self.categories)))
        seen = np.flatnonzero(found >= 0)
        out[seen, found[seen]] = 1.0
        return out


@dataclass(frozen=True, slots=True)
class OrdinalStep:
    """A category as its place in the list; a null is NaN, one that is not listed is -1."""

    column: str
    categories: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return (self.column,)

    @property
    def codes(self) -> dict[str | None, float]:
        """Return the code of each category, and of null."""
        return {None: math.nan, **{name: float(i) for i, name in enumerate(self.categories)}}

    def encode(self, values: NDArray[Any]) -> Floats:
        """Return the features, (n, 1), of an object array of str or None."""
        codes = self.codes
        return np.array([codes.get(value, UNSEEN) for value in values], np.float64)[:, None]


Step = NumberStep | BooleanStep | OneHotStep | OrdinalStep

_KINDS: dict[str, Callable[..., Step]] = {
    "number": NumberStep,
    "boolean": BooleanStep,
    "onehot": OneHotStep,
    "ordinal": OrdinalStep,
}


@dataclass(frozen=True)
class Plan:
    """The steps, in the order of the features they make.

    >>> plan = Plan((NumberStep("tenure", fill=0.0), OneHotStep("contract", ("monthly", "yearly"))))
    >>> plan.features
    ('tenure', 'contract=monthly', 'contract=yearly')
    >>> plan.encode_rows([{"tenure": 3, "contract": "yearly"}]).tolist()
    [[3.0, 0.0, 1.0]]
    """

    steps: tuple[Step, ...]

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Return the name of each feature."""
        return tuple(name for step in self.steps for name in step.features)

    @cached_property
    def feature_columns(self) -> tuple[str, ...]:
        """Return the column that each feature comes from."""
        return tuple(step.column for step in self.steps for _ in step.features)

    def encode(self, columns: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the matrix, (n, features), of the arrays of `data.schema.columns`."""
        parts = [step.encode(columns[step.column]) for step in self.steps]
        return np.ascontiguousarray(np.hstack(parts))

    def encode_rows(self, rows: Sequence[Row]) -> Floats:
        """Return the matrix, (n, features), of a few checked rows; equal to `encode` to the bit."""
        numbers, onehots, ordinals = self._tables
        lines = []
        for row in rows:
            line = self._blank.copy()
            for column, place, fill, center, scale in numbers:
                value = row[column]
                line[place] = fill if value is None else (value - center) / scale
            for column, places in onehots:
                found = places.get(row[column])
                if found is not None:
                    line[found] = 1.0
            for column, place, codes in ordinals:
                line[place] = codes.get(row[column], UNSEEN)
            lines.append(line)
        return np.array(lines, np.float64).reshape(len(lines), len(self._blank))

    def unseen(self, rows: Sequence[Row]) -> dict[str, int]:
        """Return how many values of each category column the plan does not know; nulls aside."""
        counts: dict[str, int] = {}
        for column, known in self._known:
            for row in rows:
                if row[column] not in known:
                    counts[column] = counts.get(column, 0) + 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object, the inverse of `from_json`."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        return {"steps": [{"kind": kinds[type(step)], **_fields(step)} for step in self.steps]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote."""
        return cls(tuple(_step(**step) for step in value["steps"]))

    @cached_property
    def _blank(self) -> list[float]:
        return [0.0] * len(self.features)

    @cached_property
    def _known(self) -> list[tuple[str, frozenset[str | None]]]:
        return [
            (step.column, frozenset((*step.categories, None)))
            for step in self.steps
            if isinstance(step, OneHotStep | OrdinalStep)
        ]

    @cached_property
    def _tables(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Return what one row needs, looked up once: places, filled values and codes."""
        numbers: list[Any] = []
        onehots: list[Any] = []
        ordinals: list[Any] = []
        place = 0
        for step in self.steps:
            if isinstance(step, OneHotStep):
                places = {category: place + i for i, category in enumerate(step.categories)}
                onehots.append((step.column, places))
            elif isinstance(step, OrdinalStep):
                ordinals.append((step.column, place, step.codes))
            else:
                numbers.append((step.column, place, *_scaling(step)))
            place += len(step.features)
        return numbers, onehots, ordinals


def _scaling(step: NumberStep | BooleanStep) -> tuple[float, float, float]:
    center, scale = (step.center, step.scale) if isinstance(step, NumberStep) else (0.0, 1.0)
    fill = math.nan if step.fill is None else (step.fill - center) / scale
    return fill, center, scale


def _fields(step: Step) -> dict[str, Any]:
    values = {name: getattr(step, name) for name in step.__dataclass_fields__}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _step(kind: str, **fields: Any) -> Step:
    if "categories" in fields:
        fields["categories"] = tuple(fields["categories"])
    return _KINDS[kind](**fields)
