"""How two measured values go together."""

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import floats, same_length
from mlwright.stats.intervals import Interval
from mlwright.stats.ranking import mean_ranks

FEWEST = 8


def spearman(first: ArrayLike, second: ArrayLike) -> Interval | None:
    """Return the rank correlation (Spearman 1904), or None of fewer than 8 pairs or of one value.

    The 95% interval is Fisher's, with the variance of Bonett and Wright (2000). The unit is the
    pair.

    Raises:
        ValueError: the lengths differ, or a NaN.

    >>> round(spearman(range(10), range(10)).value, 9)
    1.0
    """
    pair = floats(first, "first"), floats(second, "second")
    n = same_length(first=pair[0], second=pair[1])
    ranks = [mean_ranks(values) for values in pair]
    if n < FEWEST or min(float(rank.std()) for rank in ranks) == 0:
        return None
    value = min(1.0, max(-1.0, float(np.corrcoef(ranks[0], ranks[1])[0, 1])))
    centre = np.arctanh(min(max(value, -0.999), 0.999))
    half = 1.96 * np.sqrt((1 + value**2 / 2) / (n - 3))
    low, high = np.tanh([centre - half, centre + half]).tolist()
    return Interval(value, min(low, value), max(high, value), n)
