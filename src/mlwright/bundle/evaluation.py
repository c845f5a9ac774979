"""An expression that was read: its steps, and the one evaluator of them.

It serves whole tables and single rows, so that the two are equal to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.functions import Array, Function, Order, finite, iso_dates
from mlwright.core.signature import Kind

_DTYPES: dict[Kind, type] = {
    "number": np.float64,
    "boolean": np.float64,
    "category": object,
    "text": object,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evaluation: put a column or a constant on the stack, or call a function."""

    column: str | None = None
    constant: float | str | None = None
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Attributes:
        source: its text.
        columns: name -> kind of the columns that it reads.
        dates: those of them that it reads as dates.
        orders: how those of them are written that are not in ISO form.
    """

    source: str
    columns: Mapping[str, Kind]
    dates: frozenset[str]
    steps: tuple[Step, ...]
    orders: Mapping[str, Order] = field(default_factory=dict)

    def evaluate(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the value of each row, (n,), NaN for null.

        Columns are arrays (n,) as `data.schema.columns` gives them.
        """
        size = len(columns[next(iter(self.columns))])
        stack: list[Array] = []
        with np.errstate(all="ignore"):
            for step in self.steps:
                if step.column is not None:
                    values, order = columns[step.column], self.orders.get(step.column)
                    stack.append(iso_dates(values, order) if order else values)
                elif step.function is not None:
                    arguments = [stack.pop() for _ in step.function.takes][::-1]
                    stack.append(step.function.run(*arguments))
                else:
                    kind = object if isinstance(step.constant, str) else np.float64
                    stack.append(np.full(size, step.constant, kind))
        return finite(stack.pop())

    def evaluate_rows(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return the value of each of a few checked rows, (n,), NaN for null."""
        return self.evaluate(
            {
                name: np.array([row[name] for row in rows], _DTYPES[kind])
                for name, kind in self.columns.items()
            }
        )
