"""One drifted column closer by: to which side it moved, since when, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.stats.arrays import BoolArray, FloatArray
from mlwright.stats.intervals import Interval

from .begin import Begin, begin
from .drift import Finding

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
    times: FloatArray,
    shares: FloatArray,
    rows: FloatArray,
    *,
    marked: BoolArray,
    losses: FloatArray,
) -> Shift:
    """Say since when a column is on its new side, and what it costs.

    Args:
        finding: of the column.
        times: of rows, or groups of them, ascending (n,).
        shares: of rows on the side to which the column moved (n,).
        rows: how many each share is of (n,).
        marked: the labelled rows on that side (m,).
        losses: of the labelled rows (m,).
    """
    began = begin(times, shares, weights=rows)
    if began and began.after < began.before:
        began = None  # it was there from the first row on, and recedes
    return Shift(finding, began, cost(marked, losses, finding.effect))


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
