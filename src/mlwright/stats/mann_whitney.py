"""How well scores tell two kinds of rows apart: the area under the ROC curve, with its errors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats
from mlwright.stats.ranking import mean_ranks


@dataclass(frozen=True, slots=True)
class Auc:
    """The chance that a score of the second kind is above one of the first, ties counting half.

    `error` is the standard error of the AUC (DeLong, DeLong and Clarke-Pearson 1988); `p_value` is
    of "no better than chance", against better.
    """

    value: float
    error: float
    p_value: float


def auc(first: ArrayLike, second: ArrayLike) -> Auc:
    """Test whether scores of the second kind are higher (Mann and Whitney 1947).

    The p-value is the normal one with the ties taken into account: exact in the limit when, the
    scores given, each order of the kinds is as likely as any other. Ask for a hundred rows a kind.

    Raises:
        ValueError: a kind has no scores, or a NaN.

    >>> auc([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).value
    1.0
    """
    low, high = floats(first, "first"), floats(second, "second")
    n, m = len(low), len(high)
    both = np.concatenate([low, high])
    among = mean_ranks(both)
    won = (among[n:] - mean_ranks(high)) / n  # of each score, the share of the others below it
    lost = 1 - (among[:n] - mean_ranks(low)) / m
    value = float(won.mean())
    error = math.sqrt(_variance(won) / m + _variance(lost) / n)
    ties = np.unique(among, return_counts=True)[1].astype(np.float64)
    rows = n + m
    tied = float((ties**3 - ties).sum()) / (rows * (rows - 1))
    chance = math.sqrt(max(rows + 1 - tied, 0.0) / (12 * n * m))
    p_value = 0.5 * math.erfc((value - 0.5) / chance / math.sqrt(2)) if chance else 1.0
    return Auc(value, error, p_value)


def _variance(values: FloatArray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
