"""The worst slices, found on their own: where a model errs more than elsewhere.

All slices of one column or of a pair are looked at on one half of the rows; the few worst of them
are measured on the other half, so that looking at many makes none seem bad by chance (sample
splitting, Cox 1975; the search is that of Chung and others 2019, "Slice Finder").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import BoolArray, FloatArray
from mlwright.stats.intervals import Interval, mean_interval

FEWEST_ROWS = 200
SHOWN = 5
_LEAST_SIZE = 30
_LEAST_SHARE = 0.02
_MOST_LEVELS = 10
_BINS = 4
_MOST_PAIRED = 120
_MOST_EXPLORED = 50_000
_SAME = 0.7
_LONGEST = 60
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A column and one of its levels: the rows in which it holds."""

    column: str
    level: str
    rows: BoolArray

    def __str__(self) -> str:
        return f"{self.column} {self.level}"


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
    columns: Mapping[str, NDArray[Any]], losses: FloatArray, *, seed: int = 0
) -> Slices:
    """Return the slices of the highest loss.

    A slice has at least 30 rows, and 2% of them, in the half that chooses. Of slices that share
    most of their rows the worst is kept; a pair stands only where it is worse than its parts.

    Args:
        columns: name -> values (n,): numbers with NaN for null, or objects (text or None).
        losses: each row's loss (n,).
        seed: of the division in halves.
    """
    rows = len(losses)
    if rows < FEWEST_ROWS:
        return NOT_JUDGED
    order = np.random.default_rng(seed).permutation(rows)
    first, second = order[: rows // 2][:_MOST_EXPLORED], order[rows // 2 :]
    single = [
        condition
        for name, values in columns.items()
        for condition in conditions(name, values)
        if _large_enough(int(condition.rows[first].sum()), len(first))
    ]
    if not single:
        return Slices((), 0, len(first), len(second))
    looked_at, chosen = _choose(single, first, losses[first])
    level = 1 - (1 - _LEVEL) / max(len(chosen), 1)
    measured = [_measure(parts, second, losses, level) for parts in chosen]
    found = sorted((m for m in measured if m is not None), key=lambda m: -m.gap.value)
    return Slices(tuple(found), looked_at, len(first), len(second))


def conditions(name: str, values: NDArray[Any]) -> list[Condition]:
    """Return the levels of a column: quarters of its numbers, or its 10 most frequent values.

    Text of which no value makes a slice that is large enough is taken by its length.
    """
    if values.dtype != object:
        return _ranges(name, np.asarray(values, np.float64), "")
    listed = values.tolist()
    counts = Counter(value for value in listed if value is not None)
    if max(counts.values(), default=0) < max(_LEAST_SIZE, _LEAST_SHARE * len(listed)):
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


def _large_enough(size: int, rows: int) -> bool:
    least = max(_LEAST_SIZE, _LEAST_SHARE * rows)
    return least <= size <= rows - least


def _choose(
    single: Sequence[Condition], rows: NDArray[Any], losses: FloatArray
) -> tuple[int, list[tuple[Condition, ...]]]:
    """Return how many slices were looked at, and the worst that are not nearly the same."""
    masks = np.stack([condition.rows[rows] for condition in single]).astype(np.float32)
    alone = _excess(masks.sum(axis=1), masks @ losses, masks @ losses**2, losses)
    ranked: list[tuple[tuple[int, ...], float]] = [
        ((i,), float(alone[i])) for i in range(len(single))
    ]
    paired = np.argsort(-alone, kind="stable")[:_MOST_PAIRED]
    part = masks[paired]
    both = _excess(part @ part.T, (part * losses) @ part.T, (part * losses**2) @ part.T, losses)
    size = part @ part.T
    for i, j in zip(*np.triu_indices(len(paired), 1), strict=True):
        one, other = int(paired[i]), int(paired[j])
        if single[one].column == single[other].column:
            continue
        if _large_enough(int(size[i, j]), len(rows)):
            # A pair must earn its second condition.
            better = both[i, j] > max(alone[one], alone[other])
            ranked.append(((one, other), float(both[i, j]) if better else -np.inf))
    ranked.sort(key=lambda each: -each[1])
    kept: list[tuple[tuple[int, ...], FloatArray]] = []
    for parts, excess in ranked:
        mask = masks[list(parts)].min(axis=0)
        if excess <= 0 or len(kept) == SHOWN:
            break
        if all(_overlap(mask, other) < _SAME for _, other in kept):
            kept.append((parts, mask))
    return len(ranked), [tuple(single[i] for i in parts) for parts, _ in kept]


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
        _difference(within, without, level),
    )


def _difference(a: FloatArray, b: FloatArray, level: float) -> Interval:
    """Return the difference of two means with Welch's interval (1947)."""
    from scipy.special import stdtrit

    one, other = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    value = float(a.mean() - b.mean())
    if one + other == 0:
        return Interval(value, value, value, len(a))
    freedom = (one + other) ** 2 / (one**2 / (len(a) - 1) + other**2 / (len(b) - 1))
    half = float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(one + other))
    return Interval(value, value - half, value + half, len(a))
