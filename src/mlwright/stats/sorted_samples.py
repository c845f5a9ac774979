"""Exact two-sample distances of a reference that is prepared once and compared many times.

Both samples come sorted, so that one sort a window pays for every distance and count. The unit is
the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.two_sample import TwoSample, ks_result


@dataclass(frozen=True, eq=False)
class Prepared:
    """A sample as its distinct values, in order, and the share of rows at or below each."""

    ordered: FloatArray
    points: FloatArray
    cdf: FloatArray

    @classmethod
    def of(cls, ordered: FloatArray) -> Prepared:
        """Prepare sorted, finite values.

        Raises:
            ValueError: there are none.

        >>> Prepared.of(np.array([1.0, 1.0, 2.0])).points.tolist()
        [1.0, 2.0]
        """
        if not len(ordered):
            raise ValueError("A sample of at least one row is needed.")
        last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        return cls(ordered, ordered[last], (last + 1) / len(ordered))

    @property
    def rows(self) -> int:
        """Return how many values there are."""
        return len(self.ordered)

    @cached_property
    def sums(self) -> Sums:
        """Return what integrals over these values are made of."""
        return Sums.of(self.ordered)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sum of the first values, for each count of them (n + 1,), about a middle near them.

    Values that lie far from zero are moved next to it, where sums lose no digits.
    """

    middle: float
    values: FloatArray
    total: FloatArray

    @classmethod
    def of(cls, ordered: FloatArray) -> Sums:
        """Add up sorted values."""
        middle = float(ordered[len(ordered) // 2])
        if abs(middle) <= ordered[-1] - ordered[0]:
            middle = 0.0
        values = ordered - middle if middle else ordered
        total = np.zeros(len(ordered) + 1)
        np.cumsum(values, out=total[1:])
        return cls(middle, values, total)


@dataclass(frozen=True, slots=True)
class Distances:
    """The Kolmogorov-Smirnov test and the Wasserstein distance, in the values' own unit."""

    ks: TwoSample
    wasserstein: float


def distances(reference: Prepared, ordered: FloatArray) -> Distances:
    """Compare sorted, finite values with a prepared reference, exactly.

    The same numbers as `scipy.stats.ks_2samp(method="asymp")` and `wasserstein_distance`.

    Raises:
        ValueError: there are no values.

    >>> found = distances(Prepared.of(np.array([0.0, 1.0])), np.array([1.0, 2.0]))
    >>> found.ks.statistic, found.wasserstein
    (0.5, 1.0)
    """
    if not len(ordered):
        raise ValueError("A sample of at least one row is needed.")
    # Both distances are symmetric: the walk is over the points of the smaller sample.
    if len(ordered) < reference.rows:
        return _distances(Prepared.of(ordered), reference.ordered, reference.sums)
    return _distances(reference, ordered, Sums.of(ordered))


def _distances(reference: Prepared, ordered: FloatArray, sums: Sums) -> Distances:
    rows = len(ordered)
    upto = np.searchsorted(ordered, reference.points, "right")
    before = _before(ordered, reference.points, upto)
    # Between two points of the reference only the other sample rises, so the distance is largest
    # just at a point or just before the next.
    low = np.concatenate(([0.0], reference.cdf[:-1]))
    above = np.abs(reference.cdf - upto / rows).max()
    below = np.abs(low - before / rows).max()
    return Distances(
        ks_result(float(max(above, below)), reference.rows, rows),
        _wasserstein(reference, sums, upto),
    )


def _before(ordered: FloatArray, points: FloatArray, upto: IntArray) -> IntArray:
    """Return how many values lie below each point, looking again only where one is met."""
    before = upto.copy()
    met = np.flatnonzero(ordered[np.maximum(upto - 1, 0)] == points)
    met = met[upto[met] > 0]
    before[met] = np.searchsorted(ordered, points[met], "left")
    return before


def _wasserstein(reference: Prepared, sums: Sums, upto: IntArray) -> float:
    """Integrate |F - G| (Vallender 1974), one interval of the reference after another.

    In an interval F is constant and G rises, so their difference changes its sign once at most,
    at the value of the sample where G reaches F.
    """
    values, total = sums.values, sums.total
    rows = len(values)
    points = reference.points - sums.middle
    ends = np.append(points, max(points[-1], values[-1]))
    counts = np.append(upto, rows)
    level = reference.cdf
    areas = np.abs(_area(level, ends[:-1], ends[1:], counts[:-1], counts[1:], total))
    goal = level * rows
    crossing = np.flatnonzero((counts[:-1] < goal) & (goal < counts[1:]))
    level, start, stop = level[crossing], ends[:-1][crossing], ends[1:][crossing]
    first, last = counts[:-1][crossing], counts[1:][crossing]
    reached = np.clip(np.ceil(goal[crossing]).astype(np.int64), first + 1, last)
    at = values[reached - 1]
    # All but the value at the crossing come before it; that one makes the jump there.
    under = _area(level, start, at, first, reached - 1, total)
    over = _area(level, at, stop, reached, last, total)
    areas[crossing] = np.abs(under) + np.abs(over)
    head = max(float(points[0] - values[0]), 0.0)
    inside = float(areas.sum())
    if not head:
        return inside
    # Before the reference begins F is 0: the whole of G counts.
    count = int(np.searchsorted(values, points[0], "left"))
    return inside + float(points[0] * count - total[count]) / rows


def _area(
    level: FloatArray,
    start: FloatArray,
    stop: FloatArray,
    first: IntArray,
    last: IntArray,
    total: FloatArray,
) -> FloatArray:
    """Integrate level - G from start to stop, between which the values first..last-1 lie."""
    rises = stop * last - start * first - (total[last] - total[first])
    result: FloatArray = level * (stop - start) - rises / (len(total) - 1)
    return result


def wasserstein_counts(
    edges: FloatArray, reference: FloatArray | IntArray, current: FloatArray | IntArray
) -> float:
    """Return the Wasserstein distance of two histograms, each row taken at its bin's upper edge.

    `edges` has one value less than the counts: the last bin, all above, is taken at the last edge.

    Raises:
        ValueError: a histogram is empty.

    >>> wasserstein_counts(np.array([0.0, 1.0, 2.0]), np.array([0, 4, 0]), np.array([0, 0, 4]))
    1.0
    """
    if not (reference.sum() and current.sum()):
        raise ValueError("A histogram of at least one row is needed.")
    gap = np.cumsum(reference) / reference.sum() - np.cumsum(current) / current.sum()
    return float((np.abs(gap[: len(edges) - 1]) * np.diff(edges)).sum())
