"""Slices of a window found on their own: where the model errs more, and what became frequent.

Nothing is named beforehand: levels of one column or of two are looked at on one half of the rows,
and what is told is measured on the other half.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.settings import Monitor
from mlwright.predictions.reader import PREFIX
from mlwright.stats.arrays import IntArray
from mlwright.stats.moved_slices import MovedSlice, moved_slices
from mlwright.stats.slices import FEWEST_ROWS, NOT_JUDGED, Slices, worst_slices

from .joint_rows import drawn
from .performance import LEVEL, MOST_LABELS
from .reference import Reference
from .sources import Sample
from .truth import Known

MOST_SHOWN = 5
_MOST_ROWS = 4000  # a side: shares to within .02, which the floor of .05 asks for


@dataclass(frozen=True, slots=True)
class FoundSlices:
    """Where the model errs more than elsewhere, and which slices moved furthest.

    `moved` is None where it was not looked for: nothing drifted, or the reference is a profile.
    """

    weak: Slices
    moved: tuple[MovedSlice, ...] | None = None

    @property
    def lines(self) -> list[str]:
        """Say what was found, a line a slice."""
        return [
            *(
                f"weaker where {each.name}: mean loss {each.loss.value:.3g}, elsewhere "
                f"{each.elsewhere.value:.3g}, by {each.gap.low:.3g} to {each.gap.high:.3g} "
                f"({LEVEL:.0%}, n={each.loss.n:,})"
                for each in self.weak.weak
            ),
            *(
                f"{'more' if each.change.value > 0 else 'fewer'} rows where {each.name}: "
                f"{each.before.value:.1%} to {each.now.value:.1%}, by {each.change.low:+.1%} to "
                f"{each.change.high:+.1%} (n={each.now.n:,})"
                for each in (self.moved or ())[:MOST_SHOWN]
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the slices as a JSON object."""
        moved = None if self.moved is None else [each.to_json() for each in self.moved]
        return {"weak": self.weak.to_json(), "moved": moved}


def find_slices(
    judged: Known | None,
    sample: Sample | None = None,
    reference: Reference | None = None,
    *,
    drifted: bool = False,
    policy: Monitor,
) -> FoundSlices:
    """Look for weak slices of labelled rows, and where something drifted for those that moved.

    Args:
        judged: rows of the window whose truth is known, if any are.
        sample: the rows of the window.
        reference: what they are compared with; its rows are needed.
        drifted: whether anything drifted.
        policy: whose q is the level of all slices that moved, and whose floor is theirs.
    """
    weak = NOT_JUDGED if judged is None else weak_slices(judged)
    if not drifted or sample is None or reference is None or reference.sample is None:
        return FoundSlices(weak)
    both = drawn(reference.sample, sample, hours=reference.hours.keys())
    both = replace(both, at_reference=_some(both.at_reference), at_current=_some(both.at_current))
    columns: dict[str, NDArray[Any]] = {}
    for column in reference.columns:
        known = column.name in sample.features and column.name in reference.sample.features
        values = both.column(column) if known else None
        if values is not None:
            columns[column.name] = _array(values)
    first = len(both.at_reference)
    current = np.arange(first + len(both.at_current)) >= first
    level, floor = 1 - policy.drift_threshold, policy.effect_floor
    return FoundSlices(weak, moved_slices(columns, current, level=level, floor=floor))


def _some(rows: IntArray) -> IntArray:
    """Return rows from all over, in their order."""
    return rows[:: max(1, -(-len(rows) // _MOST_ROWS))]


def weak_slices(judged: Known) -> Slices:
    """Return the slices in which labelled rows have the highest loss; of many, the newest rows."""
    if len(judged) < FEWEST_ROWS:
        return NOT_JUDGED
    newest = judged.newest(MOST_LABELS)
    table = newest.table
    columns = {
        name.removeprefix(PREFIX): _array(table[name])
        for name in table.columns
        if name.startswith(PREFIX) and not table[name].dtype.is_nested()
    }
    return worst_slices(columns, newest.losses, level=LEVEL)


def _array(values: pl.Series) -> NDArray[Any]:
    """Return numbers with NaN for null, or objects."""
    if values.dtype == pl.Boolean or values.dtype.is_numeric():
        return np.asarray(values.cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.float64)
    made = np.empty(len(values), dtype=object)
    made[:] = values.cast(pl.String).to_list()
    return made
