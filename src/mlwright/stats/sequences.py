"""Confidence sequences: intervals that hold at every sample size at once.

The unit is one value of an independent unit (a key's mean, a key's first outcome), in order.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats, unit_interval
from mlwright.stats.intervals import Interval


def confidence_sequence(values: ArrayLike, *, alpha: float = 0.05) -> tuple[FloatArray, FloatArray]:
    """Return running bounds on the mean of values in 0..1, all true at once with 1 - alpha.

    The predictable plug-in empirical-Bernstein sequence (Waudby-Smith and Ramdas 2023, "Estimating
    means of bounded random variables by betting", J. R. Statist. Soc. B, theorem 2), intersected
    over time. It needs a conditional mean that does not move; the values may depend on each other
    otherwise. Look as often as you like: the chance that any interval misses is at most alpha.

    Raises:
        ValueError: no values, a NaN, or one outside 0..1.

    >>> low, high = confidence_sequence([0.5] * 1000)
    >>> bool(low[-1] < 0.5 < high[-1]), bool(high[-1] - low[-1] < 0.1)
    (True, True)
    """
    sample = floats(values, "values")
    if sample.min() < 0 or sample.max() > 1:
        raise ValueError("values must lie between 0 and 1; scale them first.")
    log_term = math.log(2 / unit_interval("alpha", alpha))
    count = np.arange(1, len(sample) + 1)
    mean = (0.5 + np.cumsum(sample)) / (count + 1)
    mean_before = np.r_[0.5, mean[:-1]]
    variance = (0.25 + np.cumsum((sample - mean) ** 2)) / (count + 1)
    variance_before = np.r_[0.25, variance[:-1]]
    bet = np.minimum(np.sqrt(2 * log_term / (variance_before * count * np.log1p(count))), 0.5)
    cost = (sample - mean_before) ** 2 * (-np.log1p(-bet) - bet)
    total = np.cumsum(bet)
    centre, half = np.cumsum(bet * sample) / total, (log_term + np.cumsum(cost)) / total
    return (
        np.maximum.accumulate(np.clip(centre - half, 0, 1)),
        np.minimum.accumulate(np.clip(centre + half, 0, 1)),
    )


def rate_bounds(bad: int, n: int, *, alpha: float = 0.05) -> Interval:
    """Return the rate of a yes/no event among n independent units, valid at every n at once.

    All rates whose likelihood is above alpha times its mixture over Beta(1/2, 1/2) (Robbins 1970,
    "Statistical methods related to the law of the iterated logarithm"; Ville's inequality). It
    needs a rate that does not move; it shows evidence, and decides nothing.

    Raises:
        ValueError: n is not positive, or bad lies outside 0..n.

    >>> bounds = rate_bounds(0, 1000)
    >>> bounds.low, bounds.high < 0.008
    (0.0, True)
    """
    from scipy.special import betaln

    if not 0 <= bad <= n or n == 0:
        raise ValueError(f"A rate needs 0 <= bad <= n and n > 0, got {bad} of {n}.")
    mixture = betaln(bad + 0.5, n - bad + 0.5) - betaln(0.5, 0.5)
    limit = float(mixture + math.log(unit_interval("alpha", alpha)))
    rate = bad / n
    low = 0.0 if bad == 0 else _edge(bad, n, limit, outside=0.0)
    high = 1.0 if bad == n else _edge(bad, n, limit, outside=1.0)
    return Interval(rate, min(low, rate), max(high, rate), n)


def _edge(bad: int, n: int, limit: float, *, outside: float) -> float:
    """Find where the log likelihood falls to the limit, between the rate and an end."""
    inside = bad / n
    for _ in range(100):
        middle = (inside + outside) / 2
        likelihood = (bad * math.log(middle) if bad else 0.0) + (
            (n - bad) * math.log1p(-middle) if bad < n else 0.0
        )
        if likelihood > limit:
            inside = middle
        else:
            outside = middle
    return outside
