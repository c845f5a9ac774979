"""Factorials and the chi-squared distribution of whole degrees of freedom, by numpy and math alone.

To scipy.special's digits, for places where importing it would take longer than the work itself.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mlwright.stats.arrays import FloatArray

_TABLE = np.array([math.lgamma(n + 1.0) for n in range(20)])
_HALF_LOG_2_PI = math.log(2 * math.pi) / 2
_HALVINGS = 60


def log_factorials(n: FloatArray) -> FloatArray:
    """Return ln n! of whole numbers >= 0: Stirling's series, which from 20 on is exact to 1e-15.

    >>> np.exp(log_factorials(np.array([0.0, 1.0, 5.0]))).round(9).tolist()
    [1.0, 1.0, 120.0]
    """
    x = np.maximum(n, float(len(_TABLE)))
    square = x * x
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / x
    large = (x + 0.5) * np.log(x) - x + _HALF_LOG_2_PI + series
    small = n < len(_TABLE)
    result: FloatArray = np.where(small, _TABLE[np.where(small, n, 0).astype(np.int64)], large)
    return result


def chi_squared_tail(freedom: int, value: float) -> float:
    """Return P(X >= value) of chi-squared with so many degrees of freedom: a finite sum.

    Abramowitz and Stegun (1964), 26.4.4 and 26.4.5.

    >>> round(chi_squared_tail(1, 3.841459), 6), round(chi_squared_tail(4, 9.487729), 6)
    (0.05, 0.05)
    """
    if value <= 0:
        return 1.0
    half, odd = value / 2, freedom % 2
    terms = (_density(k + odd / 2, half) for k in range(freedom // 2))
    return min(1.0, math.fsum(terms) + odd * math.erfc(math.sqrt(half)))


def _density(order: float, half: float) -> float:
    """Return half ** order * exp(-half) / order!."""
    return math.exp(order * math.log(half) - half - math.lgamma(order + 1))


@lru_cache(maxsize=1000)
def chi_squared_limit(freedom: int, p_value: float) -> float:
    """Return the value that chi-squared exceeds with this probability.

    >>> round(chi_squared_limit(1, 0.05), 6)
    3.841459
    """
    return _end(lambda value: chi_squared_tail(freedom, value) > p_value, float(freedom))


@lru_cache(maxsize=1000)
def noncentrality(freedom: int, limit: float, power: float) -> float:
    """Return the noncentrality at which chi-squared exceeds the limit with this probability.

    A mixture of central ones, by Poisson's shares (Patnaik 1949). 0 where none is needed.

    >>> round(noncentrality(1, 3.841459, 0.8), 3)
    7.849
    """
    # Beyond so many the central ones exceed the limit but for a share below 1e-16.
    count = math.ceil(max(limit + 12 * math.sqrt(2 * limit) + 40 - freedom, 2) / 2)
    steps = [_density(freedom / 2 + k, limit / 2) for k in range(count - 1)]
    central = 1 - np.cumsum([chi_squared_tail(freedom, limit), *steps])
    order = np.arange(count, dtype=np.float64)
    log_factorial = log_factorials(order)

    def misses(value: float) -> bool:
        log_shares = order * math.log(value / 2) - value / 2 - log_factorial
        return float(np.exp(log_shares) @ central) > 1 - power

    return _end(misses, limit) if central[0] > 1 - power else 0.0


def _end(holds: Callable[[float], bool], high: float) -> float:
    """Return the value from 0 up to which something holds."""
    low = 0.0
    while holds(high):
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
