"""The difference of two randomised arms, with intervals for one look and for every look.

The unit is what was randomised: a routing key with all its requests, or a request without a key.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats, same_length, unit_interval
from mlwright.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimate of (b - a) with its standard error, from n units of both arms together.

    `sequence` and `log_e` hold at every sample size at once, for large samples: Robbins' normal
    mixture on a sum whose variance is estimated (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas
    2024, "Time-uniform central limit theory and asymptotic confidence sequences", Ann. Statist.
    52(6); for randomised experiments Ham, Bojinov, Lindon, Tingley 2022, "Design-based confidence
    sequences"). They are narrowest near `tuned_at` units. `fixed` and `p_value` hold for one look
    at a moment that was chosen before.

    >>> found = Difference(0.02, 0.005, 10_000)
    >>> found.sequence(alpha=0.05, tuned_at=10_000).low < found.fixed(alpha=0.05).low
    True
    """

    value: float
    error: float
    n: int

    def fixed(self, *, alpha: float = 0.05) -> Interval:
        """Return the interval for one look."""
        from scipy.special import ndtri

        half = -float(ndtri(unit_interval("alpha", alpha) / 2)) * self.error
        return Interval(self.value, self.value - half, self.value + half, self.n)

    def sequence(self, *, alpha: float = 0.05, tuned_at: float) -> Interval:
        """Return the interval that may be looked at whenever one likes."""
        scale = self.n * _rho_squared(unit_interval("alpha", alpha), tuned_at)
        half = self.error * math.sqrt((scale + 1) / scale * math.log((scale + 1) / alpha**2))
        return Interval(self.value, self.value - half, self.value + half, self.n)

    @property
    def p_value(self) -> float:
        """The two-sided p-value of "no difference", for one look."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return math.erfc(abs(self.value) / self.error / math.sqrt(2))

    def log_e(self, *, tuned_at: float, alpha: float = 0.05) -> float:
        """Return the log e-value against "no difference", for looks at any time."""
        if self.error == 0:
            return 0.0
        scale = self.n * _rho_squared(unit_interval("alpha", alpha), tuned_at)
        z = self.value / self.error
        return 0.5 * (z * z * scale / (1 + scale) - math.log1p(scale))


def ratio_difference(
    numerators_a: ArrayLike,
    denominators_a: ArrayLike,
    numerators_b: ArrayLike,
    denominators_b: ArrayLike,
) -> Difference:
    """Compare sum(numerators) / sum(denominators) of two arms; one entry a unit.

    A mean over requests has the unit's sum above its count; precision has the true positives above
    the predicted ones. The variance is that of the linearised ratio (delta method; Deng, Knoblich
    and Lu 2018, "Applying the delta method in metric analytics"), so heavy units count in whole.

    Raises:
        ValueError: an arm has fewer than two units, or nothing below the line.

    >>> found = ratio_difference([1, 0, 1, 1], [1, 1, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1])
    >>> found.value, found.n
    (-0.5, 8)
    """
    first = _ratio(floats(numerators_a, "numerators_a"), floats(denominators_a, "denominators_a"))
    other = _ratio(floats(numerators_b, "numerators_b"), floats(denominators_b, "denominators_b"))
    n = np.size(numerators_a) + np.size(numerators_b)
    return Difference(other[0] - first[0], math.hypot(first[1], other[1]), int(n))


def ratio(numerators: ArrayLike, denominators: ArrayLike, *, alpha: float = 0.05) -> Interval:
    """Return sum(numerators) / sum(denominators) over units, with an interval for one look.

    Raises:
        ValueError: fewer than two units, or nothing below the line.

    >>> ratio([1, 0, 1, 1], [1, 1, 1, 1]).value
    0.75
    """
    value, error = _ratio(floats(numerators, "numerators"), floats(denominators, "denominators"))
    return Difference(value, error, int(np.size(numerators))).fixed(alpha=alpha)


def _ratio(above: FloatArray, below: FloatArray) -> tuple[float, float]:
    n = same_length(numerators=above, denominators=below)
    total = float(below.sum())
    if n < 2 or total <= 0:
        raise ValueError(f"A ratio needs two units and something below the line, got {n} units.")
    value = float(above.sum()) / total
    residual = above - value * below
    # Units that are all alike say that the spread is small, not that it is none: one may differ.
    alike = float(max(abs(above).max(), below.max())) ** 2
    squares = float(residual @ residual)
    return value, math.sqrt(n / (n - 1) * (squares if squares > 1e-12 * alike else alike)) / total


def _rho_squared(alpha: float, tuned_at: float) -> float:
    """Return the mixture's variance that makes the sequence narrow at `tuned_at` units."""
    level = -2 * math.log(alpha)
    return (level + math.log1p(level)) / max(tuned_at, 1.0)
