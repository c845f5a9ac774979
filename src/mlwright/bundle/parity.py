"""The parity gate: a compiled model may replace the original only where the two agree.

They are compared on real rows and on edge rows: nulls, categories never seen, texts without a
known word, values exactly at the splits of the trees and their next neighbours in float32 and
float64, and extremes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import (
    BooleanStep,
    Floats,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Plan,
    Step,
    TargetStep,
    TfidfStep,
    TokensStep,
)
from mlwright.bundle.runtimes import Runtime
from mlwright.core.signature import Signature

TOLERANCE = 1e-6
MOST_REAL_ROWS = 5_000
MOST_SPLIT_ROWS = 20_000
MOST_SPLIT_CELLS = 20_000_000
MOST_ODD = 200

_EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e-40, 1e9, -1e9, 1e30, -1e30, 1e300, -1e300)
_UNSEEN = "\N{SYMBOL FOR NULL} never seen"
_ODD_TEXTS = ("", " \n", _UNSEEN, "0" * 1000, "a " * 1000, "\ud800 \N{COMBINING DIAERESIS}")


@dataclass(frozen=True, slots=True)
class Parity:
    """How a compiled model compared with the original.

    `difference` is the largest one of the scores: absolute for probabilities, relative to the
    larger of 1 and the value for a regression. `flipped` counts rows whose label differs.
    """

    rows: int
    edge_rows: int
    difference: float
    flipped: int
    reason: str
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        """Return whether the compiled model may stand for the original."""
        return not self.reason

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "rows": self.rows,
            "edge_rows": self.edge_rows,
            "difference": self.difference,
            "flipped": self.flipped,
            "tolerance": self.tolerance,
            "passed": self.passed,
            "reason": self.reason,
        }


def compare(
    original: Runtime,
    other: Runtime,
    *,
    real: Floats,
    edges: Floats,
    signature: Signature,
    threshold: float | None,
    tolerance: float | None = None,
) -> Parity:
    """Score the same rows with both, and say whether the other equals the original.

    With a `tolerance` of its own, a decision may differ where a score lies that near to the limit.
    """
    matrix = np.vstack([real, edges])
    expected, found = original.scores(matrix), other.scores(matrix)
    if found.shape != expected.shape:
        reason = f"scores of the shape {found.shape} where the original has {expected.shape}"
        return Parity(len(real), len(edges), 0.0, len(matrix), reason)
    gap = np.abs(found - expected)
    if signature.task == "regression":
        gap = gap / np.maximum(1.0, np.abs(expected))
    # A NaN on one side alone is as different as can be.
    gap = np.where(np.isnan(found) & np.isnan(expected), 0.0, np.nan_to_num(gap, nan=np.inf))
    largest = float(gap.max(initial=0.0))
    flipped = _flipped(expected, found, signature, threshold)
    finite = min(largest, float(np.finfo(np.float64).max))
    if tolerance is None:
        reason = _reason(finite, flipped, TOLERANCE)
        return Parity(len(real), len(edges), finite, flipped, reason)
    reason = _reason(finite, 0, tolerance)
    return Parity(len(real), len(edges), finite, flipped, reason, tolerance)


def _flipped(expected: Floats, found: Floats, signature: Signature, threshold: float | None) -> int:
    if signature.task == "regression":
        return 0
    if signature.task == "multiclass":
        return int((expected.argmax(axis=1) != found.argmax(axis=1)).sum())
    limit = 0.5 if threshold is None else threshold
    return int(((expected >= limit) != (found >= limit)).sum())


def _reason(largest: float, flipped: int, tolerance: float) -> str:
    if flipped:
        return f"{flipped} decisions differ from the original's"
    if largest > tolerance:
        return f"scores differ from the original's by up to {largest:.3g}, over {tolerance:g}"
    return ""


def real_rows(
    plan: Plan, columns: Mapping[str, NDArray[Any]], most: int = MOST_REAL_ROWS
) -> Floats:
    """Return the matrix of the real rows, evenly thinned when there are more than `most`."""
    return plan.encode(_thinned(columns, most))


def edge_rows(
    plan: Plan, columns: Mapping[str, NDArray[Any]], splits: Iterable[tuple[int, float]]
) -> Floats:
    """Return the matrix of the edge rows: a real row each, with one column at an edge.

    Args:
        plan: the encoding.
        columns: real rows to start from.
        splits: feature and value of every split of the original.
    """
    few = dict(plan.complete(_thinned(columns, 3)))
    base = plan.encode(few)
    parts = [plan.encode(changed) for changed in _odd_columns(plan, few)]
    steps = [step for step in plan.steps for _ in step.features]
    numbers = [i for i, step in enumerate(steps) if isinstance(step, NumberStep | BooleanStep)]
    parts += [_with(base, feature, _EXTREMES) for feature in numbers]
    weights = [i for i, step in enumerate(steps) if isinstance(step, TargetStep | TfidfStep)]
    most = min(MOST_SPLIT_ROWS, MOST_SPLIT_CELLS // max(len(steps), 1))
    at_splits = _near_splits(splits, {*numbers, *weights}, most)
    for feature, values in at_splits.items():
        parts.append(_with(base[:1], feature, values))
    return np.vstack([base, *parts])


def _near_splits(
    splits: Iterable[tuple[int, float]], features: set[int], most: int
) -> dict[int, list[float]]:
    distinct = sorted({split for split in splits if split[0] in features})
    stride = -(-len(distinct) * 7 // most) or 1
    found: dict[int, list[float]] = {}
    for feature, value in distinct[::stride]:
        found.setdefault(feature, []).extend(_neighbours(value))
    return found


def _neighbours(value: float) -> list[float]:
    with np.errstate(over="ignore"):
        single = np.float32(value)
        singles = [np.nextafter(single, np.float32(end)) for end in (-np.inf, np.inf)]
    doubles = [np.nextafter(value, end) for end in (-np.inf, np.inf)]
    return [value, float(single), *map(float, singles), *map(float, doubles), -value]


def _odd_columns(
    plan: Plan, few: Mapping[str, NDArray[Any]]
) -> Iterable[Mapping[str, NDArray[Any]]]:
    every_null = dict(few)
    for step in plan.steps:
        given = few[step.column]
        every_null[step.column] = _all(given, np.nan if given.dtype != object else None)
        yield {**few, step.column: every_null[step.column]}
        for value in _odd_values(step):
            yield {**few, step.column: np.full(len(given), value, object)}
    yield every_null


def _all(given: NDArray[Any], value: Any) -> NDArray[Any]:
    return np.full(len(given), value, given.dtype)


def _odd_values(step: Step) -> Iterable[Any]:
    if isinstance(step, TokensStep):
        return _ODD_TEXTS
    if isinstance(step, TfidfStep):
        return (*_ODD_TEXTS, *step.terms[:: -(-len(step.terms) // MOST_ODD) or 1])
    if isinstance(step, OneHotStep | OrdinalStep | TargetStep):
        return (*step.categories[:: -(-len(step.categories) // MOST_ODD) or 1], _UNSEEN)
    return ()


def _with(base: Floats, feature: int, values: Iterable[float]) -> Floats:
    chosen = np.array(list(values))
    rows = np.repeat(base, len(chosen), axis=0)
    rows[:, feature] = np.tile(chosen, len(base))
    return rows


def _thinned(columns: Mapping[str, NDArray[Any]], most: int) -> dict[str, NDArray[Any]]:
    size = len(next(iter(columns.values())))
    keep = np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))
    return {name: values[keep] for name, values in columns.items()}
