"""A measured value with its interval, and the intervals with a closed form."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import floats, unit_interval


@dataclass(frozen=True, slots=True)
class Interval:
    """A value measured on n units, between low and high.

    Raises:
        ValueError: a number is not finite, the ends are swapped, or n is negative.

    >>> Interval(0.5, 0.4, 0.6, 100).to_json()
    {'value': 0.5, 'low': 0.4, 'high': 0.6, 'n': 100}
    """

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            raise ValueError(
                f"An interval holds finite numbers, got {self.value} [{self.low}, {self.high}]."
            )
        if self.low > self.high or self.n < 0:
            raise ValueError(
                f"An interval needs low <= high and n >= 0, got [{self.low}, {self.high}], "
                f"n = {self.n}."
            )

    def to_json(self) -> dict[str, float | int]:
        """Return the four keys under which every measured value is printed."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def wilson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return the share of successes among n independent units, by Wilson's score (1927).

    Both may be effective numbers of units that are not wholly independent.

    Raises:
        ValueError: n is not positive, or successes lie outside 0..n.

    >>> wilson(0, 20).high < 0.17
    True
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"A share needs 0 <= successes <= n and n > 0, got {successes} of {n}.")
    z = -_normal_quantile((1 - unit_interval("level", level)) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Exact at the ends, where rounding would leave 1e-18.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high, round(n))


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the mean of independent units with Student's t interval (n - 1 degrees).

    Raises:
        ValueError: fewer than two values, or one that is not finite.

    >>> mean_interval([1.0, 2.0, 3.0]).value
    2.0
    """
    from scipy.special import stdtrit

    sample = floats(values, "values")
    if len(sample) < 2:
        raise ValueError("An interval of a mean needs at least two values.")
    mean = float(sample.mean())
    t = float(stdtrit(len(sample) - 1, (1 + unit_interval("level", level)) / 2))
    half = t * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return Interval(mean, mean - half, mean + half, len(sample))


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(np.float64(ndtri(probability)))
