"""Slices of a window that became more frequent, or rarer, than in a reference: found on their own.

The search is that of the worst slices: rows of the window count 1 and rows of the reference 0, so
that where the mean is high the window has more rows than its share. One half of the rows chooses,
the other measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import BoolArray
from mlwright.stats.conditions import Condition
from mlwright.stats.intervals import Interval, wilson
from mlwright.stats.slices import FEWEST_ROWS, Halves, difference


@dataclass(frozen=True, slots=True)
class MovedSlice:
    """Rows that meet one condition, or two: their share of each side, and by how much it moved.

    `change` is at a level corrected for the slices shown; all is measured on rows that did not
    choose the slice.
    """

    conditions: tuple[tuple[str, str], ...]
    before: Interval
    now: Interval
    change: Interval

    @property
    def name(self) -> str:
        """Return the conditions in words."""
        return " and ".join(f"{column} {level}" for column, level in self.conditions)

    def to_json(self) -> dict[str, Any]:
        """Return the slice as a JSON object."""
        return {
            "slice": self.name,
            "conditions": [{"column": c, "level": level} for c, level in self.conditions],
            "before": self.before.to_json(),
            "now": self.now.to_json(),
            "change": self.change.to_json(),
        }


def moved_slices(
    columns: Mapping[str, NDArray[Any]],
    current: BoolArray,
    *,
    level: float = 0.95,
    floor: float = 0.0,
    seed: int = 0,
) -> tuple[MovedSlice, ...]:
    """Return the slices whose share moved beyond chance and by more than the floor, furthest first.

    Args:
        columns: name -> values of the rows of both sides (n,), as `worst_slices` takes them.
        current: which rows are of the window, the others are of the reference (n,).
        level: of all changes together.
        floor: the least change of a share that is told.
        seed: of the division in halves.
    """
    if min(current.sum(), (~current).sum()) < FEWEST_ROWS:
        return ()
    halves = Halves.of(columns, len(current), seed=seed)
    is_now = current.astype(np.float64)
    chosen = [parts for side in (is_now, 1 - is_now) for parts in halves.highest(side)[1]]
    alone = 1 - (1 - level) / max(len(chosen), 1)
    measured = [_measure(parts, halves.measuring, current, alone) for parts in chosen]
    moved = [
        each
        for each in measured
        if abs(each.change.value) > floor and not each.change.low <= 0 <= each.change.high
    ]
    return tuple(sorted(moved, key=lambda each: (-abs(each.change.value), each.name)))


def _measure(
    parts: tuple[Condition, ...], rows: NDArray[Any], current: BoolArray, level: float
) -> MovedSlice:
    inside = np.logical_and.reduce([part.rows[rows] for part in parts])
    now, before = inside[current[rows]], inside[~current[rows]]
    return MovedSlice(
        tuple((part.column, part.level) for part in parts),
        wilson(int(before.sum()), len(before)),
        wilson(int(now.sum()), len(now)),
        difference(now.astype(np.float64), before.astype(np.float64), level),
    )
