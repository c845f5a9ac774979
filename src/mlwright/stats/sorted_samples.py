"""Exact two-sample distances of a reference that is prepared once and compared many times.

Both samples come sorted, so that one sort a window pays for every distance and count. The unit is
the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.two_sample import TwoSample, ks_result


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A sample as its distinct values, in order, and the share of rows at or below each."""

    points: FloatArray
    cdf: FloatArray
    rows: int

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
        return cls(ordered[last], (last + 1) / len(ordered), len(ordered))


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
    rows = len(ordered)
    if not rows:
        raise ValueError("A sample of at least one row is needed.")
    upto = np.searchsorted(ordered, reference.points, "right")
    before = _before(ordered, reference.points, upto)
    # Between two points of the reference only the other sample rises, so the distance is largest
    # just at a point or just before the next.
    low = np.concatenate(([0.0], reference.cdf[:-1]))
    above = np.abs(reference.cdf - upto / rows).max()
    below = np.abs(low - before / rows).max()
    ks = ks_result(float(max(above, below)), reference.rows, rows)
    return Distances(ks, _wasserstein(reference, ordered, upto))


def _before(ordered: FloatArray, points: FloatArray, upto: IntArray) -> IntArray:
    """Return how many values lie below each point, looking again only where one is met."""
    before = upto.copy()
    met = np.flatnonzero(ordered[np.maximum(upto - 1, 0)] == points)
    met = met[upto[met] > 0]
    before[met] = np.searchsorted(ordered, points[met], "left")
    return before


def _wasserstein(reference: Prepared, ordered: FloatArray, upto: IntArray) -> float:
    """Integrate |F - G| (Vallender 1974), one interval of the reference after another.

    In an interval F is constant and G rises, so their difference changes its sign once at most,
    at the value of the sample where G reaches F.
    """
    rows = len(ordered)
    points, values = _centred(reference.points, ordered)
    total = np.zeros(rows + 1)
    np.cumsum(values, out=total[1:])
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


def _centred(points: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Move values that lie far from zero next to it, where sums lose no digits."""
    middle = points[len(points) // 2]
    if abs(middle) <= points[-1] - points[0]:
        return points, values
    return points - middle, values - middle


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
