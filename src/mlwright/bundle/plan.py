"""The encoding of a model's columns as one matrix of numbers, as data that a file can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle import steps as step_json
from mlwright.bundle.expressions import Expression, parse
from mlwright.bundle.steps import (
    UNSEEN,
    BooleanStep,
    Floats,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Step,
    TargetStep,
    TfidfStep,
)

__all__ = [
    "UNSEEN",
    "BooleanStep",
    "Derived",
    "Floats",
    "NumberStep",
    "OneHotStep",
    "OrdinalStep",
    "Plan",
    "Row",
    "Step",
    "TargetStep",
    "TfidfStep",
]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Derived:
    """A column of numbers that an expression makes of others.

    >>> Derived("half", parse("a / 2", {"a": "number"})).to_json()
    {'name': 'half', 'expression': 'a / 2', 'columns': {'a': 'number'}, 'dates': {}}
    """

    name: str
    expression: Expression

    def to_json(self) -> dict[str, Any]:
        """Return the column as a JSON object, the inverse of `from_json`."""
        expression = self.expression
        return {
            "name": self.name,
            "expression": expression.source,
            "columns": dict(expression.columns),
            "dates": dict(expression.orders),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Derived:
        """Read what `to_json` wrote."""
        expression = parse(value["expression"], value["columns"])
        return cls(value["name"], replace(expression, orders=value["dates"]))


@dataclass(frozen=True)
class Plan:
    """The steps, in the order of the features they make; derived columns are made before them.

    >>> plan = Plan((NumberStep("tenure", fill=0.0), OneHotStep("contract", ("monthly", "yearly"))))
    >>> plan.features
    ('tenure', 'contract=monthly', 'contract=yearly')
    >>> plan.encode_rows([{"tenure": 3, "contract": "yearly"}]).tolist()
    [[3.0, 0.0, 1.0]]
    """

    steps: tuple[Step, ...]
    derived: tuple[Derived, ...] = ()

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Return the name of each feature."""
        return tuple(name for step in self.steps for name in step.features)

    @cached_property
    def feature_columns(self) -> tuple[str, ...]:
        """Return the column that each feature comes from."""
        return tuple(step.column for step in self.steps for _ in step.features)

    def complete(self, columns: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Return the columns with the derived ones; those that are there already stay."""
        made = {
            each.name: each.expression.evaluate(columns)
            for each in self.derived
            if each.name not in columns
        }
        return {**columns, **made} if made else columns

    def encode(self, columns: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the matrix, (n, features), of the arrays of `data.schema.columns`."""
        given = self.complete(columns)
        if len(self.steps) == 1:
            return np.ascontiguousarray(self.steps[0].encode(given[self.steps[0].column]))
        out = np.empty((len(next(iter(given.values()))), len(self.features)))
        place = 0
        for step in self.steps:
            width = len(step.features)
            out[:, place : place + width] = step.encode(given[step.column])
            place += width
        return out

    def encode_rows(self, rows: Sequence[Row]) -> Floats:
        """Return the matrix, (n, features), of a few checked rows; equal to `encode` to the bit."""
        numbers, onehots, codes = self._tables
        if self.derived:
            rows = self._completed(rows)
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
            for column, place, known, other in codes:
                line[place] = known.get(row[column], other)
            lines.append(line)
        matrix = np.array(lines, np.float64).reshape(len(lines), len(self._blank))
        return self._with_texts(matrix, rows) if self._texts else matrix

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
        steps = [step_json.to_json(step) for step in self.steps]
        return {"derived": [each.to_json() for each in self.derived], "steps": steps}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote."""
        derived = tuple(map(Derived.from_json, value.get("derived", ())))
        return cls(tuple(map(step_json.from_json, value["steps"])), derived)

    def _completed(self, rows: Sequence[Row]) -> Sequence[Row]:
        made = [(each.name, each.expression.evaluate_rows(rows).tolist()) for each in self.derived]
        return [
            {**row, **{name: None if (v := values[i]) != v else v for name, values in made}}
            for i, row in enumerate(rows)
        ]

    def _with_texts(self, narrow: Floats, rows: Sequence[Row]) -> Floats:
        """Put the features of texts, which are many and mostly 0, between the others."""
        out = np.zeros((len(rows), len(self.features)))
        out[:, self._narrow] = narrow
        for place, step in self._texts:
            for line, row in zip(out[:, place : place + len(step.terms)], rows, strict=True):
                step.write(row[step.column], line)
        return out

    @cached_property
    def _blank(self) -> list[float]:
        return [0.0] * len(self._narrow)

    @cached_property
    def _narrow(self) -> NDArray[np.int64]:
        """Return the places of the features that are not of a text."""
        texts = [isinstance(step, TfidfStep) for step in self.steps for _ in step.features]
        return np.flatnonzero(np.logical_not(texts))

    @cached_property
    def _texts(self) -> list[tuple[int, TfidfStep]]:
        ends = np.cumsum([len(step.features) for step in self.steps]).tolist()
        return [
            (end - len(step.terms), step)
            for end, step in zip(ends, self.steps, strict=True)
            if isinstance(step, TfidfStep)
        ]

    @cached_property
    def _known(self) -> list[tuple[str, frozenset[str | float | None]]]:
        return [
            (step.column, frozenset((*step.categories, None)))
            for step in self.steps
            if isinstance(step, OneHotStep | OrdinalStep | TargetStep)
        ]

    @cached_property
    def _tables(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Return what one row needs, looked up once: places, filled values and codes."""
        numbers: list[Any] = []
        onehots: list[Any] = []
        codes: list[Any] = []
        place = 0
        for step in self.steps:
            if isinstance(step, TfidfStep):
                continue
            if isinstance(step, OneHotStep):
                places = {category: place + i for i, category in enumerate(step.categories)}
                onehots.append((step.column, places))
            elif isinstance(step, OrdinalStep):
                codes.append((step.column, place, step.codes, UNSEEN))
            elif isinstance(step, TargetStep):
                codes += _means(step, place)
            else:
                numbers.append((step.column, place, *_scaling(step)))
            place += len(step.features)
        return numbers, onehots, codes


def _means(step: TargetStep, place: int) -> list[Any]:
    return [
        (step.column, place + i, {name: each[i] for name, each in step.codes.items()}, other)
        for i, other in enumerate(step.overall)
    ]


def _scaling(step: NumberStep | BooleanStep) -> tuple[float, float, float]:
    center, scale = (step.center, step.scale) if isinstance(step, NumberStep) else (0.0, 1.0)
    fill = math.nan if step.fill is None else (step.fill - center) / scale
    return fill, center, scale
