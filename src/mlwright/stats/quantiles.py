"""A quantile with an interval that assumes nothing of the distribution."""

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import floats, unit_interval
from mlwright.stats.intervals import Interval


def quantile_interval(values: ArrayLike, at: float, *, level: float = 0.95) -> Interval | None:
    """Return a quantile of independent values, between two of them; None of too few for an end.

    The ends are order statistics (Wilks 1948; David and Nagaraja 2003, section 7.1): a 99th
    percentile has an upper end from 368 values on.

    Raises:
        ValueError: no values, a NaN, or a probability out of range.

    >>> quantile_interval(range(1, 101), 0.5).to_json()
    {'value': 51.0, 'low': 40.0, 'high': 61.0, 'n': 100}
    >>> quantile_interval(range(367), 0.99) is None, quantile_interval(range(368), 0.99) is None
    (True, False)
    """
    from scipy.special import bdtr

    ordered = np.sort(floats(values, "values"))
    n, tail = len(ordered), (1 - unit_interval("level", level)) / 2
    unit_interval("at", at)

    def below(k: int) -> float:
        """Return the chance that k values at most lie below the quantile."""
        return float(bdtr(k, n, at))

    low = bisect_right(range(n), tail, key=below)  # values of which the last one surely lies below
    high = bisect_left(range(n), 1 - tail, key=below)
    if low == 0 or high == n:
        return None
    value = float(np.quantile(ordered, at, method="higher"))
    return Interval(value, float(ordered[low - 1]), float(ordered[high]), n)
