"""The worst slices, found on their own: where a model errs more than elsewhere.

All slices of one column or of a pair are looked at on one half of the rows; the few worst of them
are measured on the other half, so that looking at many makes none seem bad by chance (sample
splitting, Cox 1975; the search is that of Chung and others 2019, "Slice Finder").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import FloatArray
from mlwright.stats.conditions import LEAST_SHARE, LEAST_SIZE, Condition, conditions
from mlwright.stats.intervals import Interval, mean_interval

FEWEST_ROWS = 200
SHOWN = 5
_MOST_PAIRED = 120
_MOST_EXPLORED = 50_000
_SAME = 0.7


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that meet one condition, or two: their mean loss, and that of all others.

    `gap` is the slice's mean loss less the others', at a level corrected for the slices shown;
    all three are measured on rows that did not choose the slice.
    """

    conditions: tuple[tuple[str, str], ...]
    loss: Interval
    elsewhere: Interval
    gap: Interval

    @property
    def name(self) -> str:
        """Return the conditions in words."""
        return " and ".join(f"{column} {level}" for column, level in self.conditions)

    @property
    def weak(self) -> bool:
        """Return whether the model errs more here, beyond chance."""
        return self.gap.low > 0

    def to_json(self) -> dict[str, Any]:
        """Return the slice as a JSON object."""
        return {
            "slice": self.name,
            "conditions": [{"column": c, "level": level} for c, level in self.conditions],
            "loss": self.loss.to_json(),
            "elsewhere": self.elsewhere.to_json(),
            "gap": self.gap.to_json(),
            "weak": self.weak,
        }


@dataclass(frozen=True, slots=True)
class Slices:
    """The worst slices, the worst first, of how many that were looked at, on how many rows.

    `enough` is false where there were too few rows to look.
    """

    found: tuple[Slice, ...]
    looked_at: int
    chosen_on: int
    measured_on: int

    @property
    def enough(self) -> bool:
        """Return whether there were rows enough to look at all."""
        return self.measured_on > 0

    @property
    def weak(self) -> tuple[Slice, ...]:
        """Return the slices in which the model errs more, beyond chance."""
        return tuple(found for found in self.found if found.weak)

    def sentence(self) -> str:
        """Say what was done and found."""
        if not self.enough:
            return f"Slices are not judged: that takes at least {FEWEST_ROWS} rows."
        return (
            f"{self.looked_at:,} slices of one or two columns were looked at on "
            f"{self.chosen_on:,} rows, and the worst of them measured on {self.measured_on:,} "
            f"others: {_counted(len(self.weak))} beyond chance weaker than the rest."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the slices as a JSON object."""
        return {
            "looked_at": self.looked_at,
            "chosen_on": self.chosen_on,
            "measured_on": self.measured_on,
            "found": [each.to_json() for each in self.found],
            "sentence": self.sentence(),
        }


def _counted(count: int) -> str:
    return "none is" if count == 0 else "1 is" if count == 1 else f"{count} are"


NOT_JUDGED = Slices((), 0, 0, 0)


def worst_slices(
    columns: Mapping[str, NDArray[Any]],
    losses: FloatArray,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Slices:
    """Return the slices of the highest loss.

    A slice has at least 30 rows, and 2% of them, in the half that chooses. Of slices that share
    most of their rows the worst is kept; a pair stands only where it is worse than its parts.

    Args:
        columns: name -> values (n,): numbers with NaN for null, or objects (text or None).
        losses: each row's loss (n,).
        level: of all gaps together.
        seed: of the division in halves.
    """
    if len(losses) < FEWEST_ROWS:
        return NOT_JUDGED
    halves = Halves.of(columns, len(losses), seed=seed)
    looked_at, chosen = halves.highest(losses)
    alone = 1 - (1 - level) / max(len(chosen), 1)
    measured = [_measure(parts, halves.measuring, losses, alone) for parts in chosen]
    found = sorted((m for m in measured if m is not None), key=lambda m: -m.gap.value)
    return Slices(tuple(found), looked_at, len(halves.choosing), len(halves.measuring))


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """The rows that choose slices, the others, which measure them, and the levels of columns."""

    choosing: NDArray[Any]
    measuring: NDArray[Any]
    single: Sequence[Condition]

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]], rows: int, *, seed: int) -> Halves:
        """Divide rows at random, and find the levels of columns that are large enough."""
        order = np.random.default_rng(seed).permutation(rows)
        first, second = order[: rows // 2][:_MOST_EXPLORED], order[rows // 2 :]
        single = [
            condition
            for name, values in columns.items()
            for condition in conditions(name, values)
            if _large_enough(int(condition.rows[first].sum()), len(first))
        ]
        return cls(first, second, single)

    def highest(self, losses: FloatArray) -> tuple[int, list[tuple[Condition, ...]]]:
        """Return how many slices were looked at, and those of the highest mean loss (n,)."""
        if not self.single:
            return 0, []
        return _choose(self.single, self.choosing, losses[self.choosing])


def _large_enough(size: Any, rows: int) -> Any:
    """Say whether a slice of this size is one, for each size that is given."""
    least = max(LEAST_SIZE, LEAST_SHARE * rows)
    return (least <= size) & (size <= rows - least)


def _choose(
    single: Sequence[Condition], rows: NDArray[Any], losses: FloatArray
) -> tuple[int, list[tuple[Condition, ...]]]:
    """Return how many slices were looked at, and the worst that are not nearly the same."""
    masks = np.stack([condition.rows[rows] for condition in single]).astype(np.float32)
    alone = _excess(masks.sum(axis=1), masks @ losses, masks @ losses**2, losses)
    paired = np.argsort(-alone, kind="stable")[:_MOST_PAIRED]
    part = masks[paired]
    size = part @ part.T
    both = _excess(size, (part * losses) @ part.T, (part * losses**2) @ part.T, losses)
    columns = np.unique([condition.column for condition in single], return_inverse=True)[1][paired]
    i, j = np.triu_indices(len(paired), 1)
    apart = (columns[i] != columns[j]) & _large_enough(size[i, j], len(rows))
    i, j = i[apart], j[apart]
    # A pair must earn its second condition.
    better = both[i, j] > np.maximum(alone[paired[i]], alone[paired[j]])
    excess = np.concatenate([alone, np.where(better, both[i, j], -np.inf)])
    kept: list[tuple[list[int], FloatArray]] = []
    for place in np.argsort(-excess, kind="stable").tolist():
        if excess[place] <= 0 or len(kept) == SHOWN:
            break
        pair = place - len(single)
        parts = [place] if pair < 0 else [int(paired[i[pair]]), int(paired[j[pair]])]
        mask = masks[parts].min(axis=0)
        if all(_overlap(mask, other) < _SAME for _, other in kept):
            kept.append((parts, mask))
    return len(excess), [tuple(single[at] for at in parts) for parts, _ in kept]


def _excess(size: Any, total: Any, square: Any, losses: FloatArray) -> FloatArray:
    """Return how much higher the mean loss inside is than outside, two standard errors off."""
    inside = np.maximum(np.asarray(size, np.float64), 1.0)
    outside = np.maximum(len(losses) - inside, 1.0)
    mean, rest = total / inside, (losses.sum() - total) / outside
    spread = np.maximum(square / inside - mean**2, 0) / inside
    spread_rest = np.maximum(((losses**2).sum() - square) / outside - rest**2, 0) / outside
    return np.asarray(mean - rest - 2 * np.sqrt(spread + spread_rest), np.float64)


def _overlap(mask: Any, other: Any) -> float:
    return float(np.minimum(mask, other).sum() / max(np.maximum(mask, other).sum(), 1.0))


def _measure(
    parts: tuple[Condition, ...], rows: NDArray[Any], losses: FloatArray, level: float
) -> Slice | None:
    inside = np.logical_and.reduce([part.rows[rows] for part in parts])
    if min(inside.sum(), (~inside).sum()) < 2:
        return None
    within, without = losses[rows][inside], losses[rows][~inside]
    return Slice(
        tuple((part.column, part.level) for part in parts),
        mean_interval(within),
        mean_interval(without),
        difference(within, without, level),
    )


def difference(a: FloatArray, b: FloatArray, level: float) -> Interval:
    """Return the difference of two means with Welch's interval (1947)."""
    from scipy.special import stdtrit

    one, other = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    value = float(a.mean() - b.mean())
    if one + other == 0:
        return Interval(value, value, value, len(a))
    freedom = (one + other) ** 2 / (one**2 / (len(a) - 1) + other**2 / (len(b) - 1))
    half = float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(one + other))
    return Interval(value, value - half, value + half, len(a))
