"""The encoding of a model's columns as one matrix of numbers, as data that a file can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle import steps as step_json
from mlwright.bundle.evaluation import Expression
from mlwright.bundle.expressions import parse
from mlwright.bundle.row_encoding import Row, RowEncoder
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
from mlwright.bundle.tokens import TokensStep

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
    "TokensStep",
]


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
        return self._row_encoder(self._completed(rows) if self.derived else rows)

    def unseen(self, rows: Sequence[Row]) -> dict[str, int]:
        """Return how many values of each category column the plan does not know; nulls aside."""
        return self._row_encoder.unseen(rows)

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

    @cached_property
    def _row_encoder(self) -> RowEncoder:
        return RowEncoder(self.steps)
