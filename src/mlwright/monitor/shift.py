"""One drifted column closer by: to which side it moved, since when, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.core.signature import Kind
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile
from mlwright.stats.arrays import BoolArray, FloatArray
from mlwright.stats.intervals import Interval

from .begin import Begin, begin
from .drift import Finding, category_counts

_FEWEST_ON_A_SIDE = 40


@dataclass(frozen=True, slots=True)
class Shift:
    """A drifted column. `cost` is the rise of the mean loss that its shift alone explains."""

    finding: Finding
    begin: Begin | None
    cost: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return the shift as a JSON object."""
        return {
            "feature": self.finding.feature,
            "kind": self.finding.kind,
            "effect": self.finding.effect,
            "begin": self.begin.to_json() if self.begin else None,
            "cost": self.cost.to_json() if self.cost else None,
        }


def shift(
    finding: Finding,
    marked: BoolArray,
    times: FloatArray,
    *,
    known_marked: BoolArray,
    losses: FloatArray,
) -> Shift:
    """Say since when a column is on its new side, and what it costs.

    Args:
        finding: of the column.
        marked: the rows on the side to which it moved (n,).
        times: when each row was answered, ascending (n,).
        known_marked: the labelled rows on that side (m,).
        losses: of the labelled rows (m,).
    """
    began = begin(times, marked.astype(np.float64))
    if began and began.after < began.before:
        began = None  # it was there from the first row on, and recedes
    return Shift(finding, began, cost(known_marked, losses, finding.effect))


def moved(
    finding: Finding,
    reference: ColumnProfile,
    current: ColumnProfile,
    values: pl.Series,
    kind: Kind,
) -> BoolArray | None:
    """Mark the rows on the side to which a column moved, or return None where there is none.

    For a number (and the length of a text) that is the side of the point where the distributions
    differ most; for categories, those that became more frequent. The effect is by how much its
    share grew.

    Args:
        finding: of the column.
        reference: the profile of the column in the reference.
        current: its profile in the window.
        values: the column as the log has it (n,).
        kind: of the column.
    """
    if isinstance(reference, NumberProfile) and isinstance(current, NumberProfile):
        return _side(finding, reference, current, _numbers(values, kind))
    if isinstance(reference, CategoryProfile) and isinstance(current, CategoryProfile):
        counts = [np.asarray(category_counts(p, reference), float) for p in (reference, current)]
        shares = [count / max(count.sum(), 1) for count in counts]
        names = [*reference.counts, None]
        grown = dict(zip(names, (shares[1] > shares[0])[: len(names)], strict=True))
        others = bool(shares[1][len(reference.counts)] > shares[0][len(reference.counts)])
        grown[None] = bool(shares[1][-1] > shares[0][-1])
        return np.array([grown.get(name, others) for name in values.cast(pl.String)], dtype=bool)
    return None


def cost(marked: BoolArray, losses: FloatArray, effect: float) -> Interval | None:
    """Return by how much the mean loss rose because more rows lie on one side, or None of few.

    The effect times the difference of the mean losses of both sides (95%): what the shift costs
    while the model errs on each side as it does.
    """
    inside, outside = losses[marked], losses[~marked]
    if min(len(inside), len(outside)) < _FEWEST_ON_A_SIDE:
        return None
    gap = float(inside.mean() - outside.mean())
    variance = inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside)
    half = 1.96 * float(np.sqrt(variance))
    return Interval(effect * gap, effect * (gap - half), effect * (gap + half), len(losses))


def _numbers(values: pl.Series, kind: Kind) -> FloatArray:
    lengths = values.str.len_chars() if kind == "text" else values
    return np.asarray(lengths.cast(pl.Float64, strict=False).fill_null(float("nan")), np.float64)


def _side(
    finding: Finding, reference: NumberProfile, current: NumberProfile, values: FloatArray
) -> BoolArray | None:
    missing = np.isnan(values)
    if finding.kind == "missing_values":
        nulls = [part.nulls / max(part.nulls + part.rows, 1) for part in (reference, current)]
        return np.asarray(missing if nulls[1] > nulls[0] else ~missing)
    shares = [np.cumsum(part.counts) / max(part.rows, 1) for part in (reference, current)]
    gap = (shares[1] - shares[0])[:-1]
    if not len(gap):
        return None
    at = int(np.argmax(np.abs(gap)))
    below = values <= reference.edges[at]
    return np.asarray(below if gap[at] > 0 else ~below & ~missing)
