"""The levels of a column, of which slices are made: frequent values, or ranges of numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import BoolArray, FloatArray

LEAST_SIZE = 30
LEAST_SHARE = 0.02
_MOST_LEVELS = 10
_BINS = 4
_LONGEST = 60


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A column and one of its levels: the rows in which it holds."""

    column: str
    level: str
    rows: BoolArray

    def __str__(self) -> str:
        return f"{self.column} {self.level}"


def conditions(name: str, values: NDArray[Any]) -> list[Condition]:
    """Return the levels of a column: quarters of its numbers, or its 10 most frequent values.

    Text of which no value makes a slice that is large enough is taken by its length.
    """
    if values.dtype != object:
        return _ranges(name, np.asarray(values, np.float64), "")
    listed = values.tolist()
    counts = Counter(value for value in listed if value is not None)
    if max(counts.values(), default=0) < max(LEAST_SIZE, LEAST_SHARE * len(listed)):
        lengths = np.array([np.nan if v is None else len(str(v)) for v in listed])
        return _ranges(name, lengths, "length ")
    top = sorted(counts, key=lambda value: (-counts[value], str(value)))[:_MOST_LEVELS]
    found = [
        Condition(name, f"= {_short(value)}", np.asarray(values == value, bool)) for value in top
    ]
    null = np.array([value is None for value in listed])
    return [*found, Condition(name, "is missing", null)] if null.any() else found


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _ranges(name: str, values: FloatArray, what: str) -> list[Condition]:
    null = np.isnan(values)
    known = values[~null]
    found = [Condition(name, "is missing", null)] if null.any() else []
    if not len(known):
        return found
    distinct = np.unique(known)
    if len(distinct) <= _BINS + 1:
        at = [Condition(name, f"{what}= {value:g}", values == value) for value in distinct]
        return [*at, *found]
    inner = np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf")
    cuts = [-np.inf, *np.unique(inner).tolist(), np.inf]
    for low, high in pairwise(cuts):
        inside = (values > low) & (values <= high)
        found.append(Condition(name, what + _between(low, high), inside))
    return found


def _between(low: float, high: float) -> str:
    if low == -np.inf:
        return f"up to {high:.4g}"
    return f"over {low:.4g}" if high == np.inf else f"over {low:.4g} up to {high:.4g}"
