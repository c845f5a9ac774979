"""Two-sample tests and distances, on raw values or on counts over common bins.

The unit is the row: the p-values hold for rows that are independent of each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats
from mlwright.stats.gamma import chi_squared_tail
from mlwright.stats.kolmogorov import kolmogorov_sf


@dataclass(frozen=True, slots=True)
class TwoSample:
    """What a two-sample test found; `effect` lies in 0..1 and does not grow with the rows."""

    statistic: float
    p_value: float
    effect: float
    n_reference: int
    n_current: int


def ks(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Test two samples of numbers by the two-sided Kolmogorov-Smirnov distance.

    The statistic is exact; the p-value is that of `scipy.stats.ks_2samp(method="asymp")`:
    Kolmogorov's distribution at the rounded effective size nm / (n + m) (Hodges 1958). Ties
    make it conservative. The effect is the statistic. Below some 30 rows a side the p-value is no
    guide (full separation always gives 0): ask for a minimum sample first.

    Raises:
        ValueError: a sample is empty, not a vector, or holds a NaN.

    >>> result = ks([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0])
    >>> result.statistic, round(result.p_value, 4)
    (0.5, 0.5)
    """
    first, second = floats(reference, "reference"), floats(current, "current")
    small, large = sorted((np.sort(first), np.sort(second)), key=len)
    # The distance changes direction only at points of each sample, so the smaller one's points,
    # each seen from both sides, hold the largest distance.
    above = np.searchsorted(small, small, "right") / len(small)
    above -= np.searchsorted(large, small, "right") / len(large)
    below = np.searchsorted(large, small, "left") / len(large)
    below -= np.searchsorted(small, small, "left") / len(small)
    distance = float(max(above.max(), below.max(), 0.0))
    return ks_result(distance, len(first), len(second))


def ks_counts(reference_counts: ArrayLike, current_counts: ArrayLike) -> TwoSample:
    """Test two histograms over common, ordered bins by the Kolmogorov-Smirnov distance.

    The distance over bins is never above that over raw values, so the p-value is conservative.

    Raises:
        ValueError: the counts differ in length, are negative, or sum to 0.

    >>> ks_counts([10, 10, 0], [0, 10, 10]).statistic
    0.5
    """
    first, second = _counts(reference_counts, current_counts)
    n, m = first.sum(), second.sum()
    distance = float(np.abs(np.cumsum(first) / n - np.cumsum(second) / m).max())
    return ks_result(distance, round(n), round(m))


def ks_result(distance: float, n: int, m: int) -> TwoSample:
    """Return the test of a Kolmogorov-Smirnov distance between n and m rows."""
    effective = max(1, round(n * m / (n + m)))
    return TwoSample(distance, kolmogorov_sf(effective, distance), distance, n, m)


def chi_squared(reference_counts: ArrayLike, current_counts: ArrayLike) -> TwoSample:
    """Test two rows of category counts by Pearson's chi-squared, without correction.

    Bins empty in both rows are dropped. The effect is the total variation distance.

    Raises:
        ValueError: the counts differ in length, are negative, or sum to 0.

    >>> result = chi_squared([50, 50], [70, 30])
    >>> round(result.statistic, 3), round(result.p_value, 4), round(result.effect, 3)
    (8.333, 0.0039, 0.2)
    """
    table = np.stack(_counts(reference_counts, current_counts))
    effect = total_variation(table[0], table[1])
    n, m = table.sum(axis=1)
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer((n, m), table.sum(axis=0)) / (n + m)
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = table.shape[1] - 1
    p_value = chi_squared_tail(freedom, statistic) if freedom else 1.0
    return TwoSample(statistic, p_value, effect, round(n), round(m))


def psi(reference_counts: ArrayLike, current_counts: ArrayLike) -> float:
    """Return the population stability index of two histograms over common bins.

    Half a count is added to each bin that is not empty in both, so that an empty bin costs
    much but not infinity (Siddiqi 2006 for the index; Jeffreys' prior for the half).

    Raises:
        ValueError: the counts differ in length, are negative, or sum to 0.

    >>> round(psi([500, 500], [700, 300]), 3)
    0.169
    """
    first, second = _counts(reference_counts, current_counts)
    seen = first + second > 0
    p, q = (row[seen] + 0.5 for row in (first, second))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(reference_counts: ArrayLike, current_counts: ArrayLike) -> float:
    """Return the Jensen-Shannon distance (base 2, so 0..1; Endres and Schindelin 2003).

    Raises:
        ValueError: the counts differ in length, are negative, or sum to 0.

    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    """
    p, q = _shares(reference_counts, current_counts)
    middle = (p + q) / 2
    divergence = sum(
        float((row[row > 0] * np.log2(row[row > 0] / middle[row > 0])).sum()) for row in (p, q)
    )
    return float(np.sqrt(max(0.0, divergence / 2)))


def total_variation(reference_counts: ArrayLike, current_counts: ArrayLike) -> float:
    """Return the total variation distance: the share of mass that would have to move, 0..1.

    Raises:
        ValueError: the counts differ in length, are negative, or sum to 0.

    >>> total_variation([3, 1], [1, 3])
    0.5
    """
    p, q = _shares(reference_counts, current_counts)
    return float(np.abs(p - q).sum() / 2)


def _shares(reference_counts: ArrayLike, current_counts: ArrayLike) -> tuple[FloatArray, ...]:
    return tuple(row / row.sum() for row in _counts(reference_counts, current_counts))


def _counts(reference: ArrayLike, current: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = floats(reference, "reference_counts"), floats(current, "current_counts")
    if len(first) != len(second):
        raise ValueError(f"Counts over common bins are needed: {len(first)} and {len(second)}.")
    for name, row in (("reference_counts", first), ("current_counts", second)):
        if row.min() < 0 or not 0 < row.sum() < np.inf:
            raise ValueError(f"{name} must be counts: none negative, at least one row in all.")
    return first, second
