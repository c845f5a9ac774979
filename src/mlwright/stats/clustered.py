"""Shares among requests of which several may come from one unit, such as a caller's key.

Requests of one unit are alike, so that they are worth fewer than they are: their number is replaced
by that of independent requests with the same variance.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats, same_length, unit_interval
from mlwright.stats.fisher import fisher
from mlwright.stats.intervals import Interval, wilson
from mlwright.stats.two_sample import TwoSample


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval, of how many units, worth how many independent requests."""

    interval: Interval
    units: int
    effective: float

    @property
    def counts(self) -> tuple[int, int]:
        """Return how many independent requests did and did not, as whole numbers."""
        whole = round(self.effective)
        yes = round(whole * self.interval.value)
        return yes, whole - yes


def share(happened: ArrayLike, units: ArrayLike, *, level: float = 0.95) -> Share:
    """Return how often something happened, with Wilson's interval on the effective number.

    The effective number makes the binomial variance that of a ratio of sums over units (Korn and
    Graubard 1998, "Confidence intervals for proportions with small expected number of positive
    counts", Survey Methodology 24). Where it happened always or never, each unit's requests
    count as alike (Kish 1965).

    Args:
        happened: of each request, 0 or 1 (n,).
        units: of each request, its unit's number, 0 and up (n,).
        level: of the interval.

    Raises:
        ValueError: there is no request, or the lengths differ.

    >>> share([1, 0, 1, 0], [0, 1, 2, 3]).interval == wilson(2, 4)
    True
    >>> share([1, 1, 0, 0], [0, 0, 1, 1]).effective
    1.0
    """
    yes = floats(happened, "happened")
    unit = np.asarray(units, dtype=np.int64)
    same_length(happened=yes, units=unit)
    size, total = np.bincount(unit), np.bincount(unit, yes)
    seen = size > 0
    effective = _effective(*(np.asarray(of[seen], np.float64) for of in (total, size)))
    value = float(yes.mean())
    inside = wilson(value * effective, effective, level=unit_interval("level", level))
    return Share(replace(inside, value=value, n=len(yes)), int(seen.sum()), effective)


def _effective(total: FloatArray, size: FloatArray) -> float:
    rows, units = float(size.sum()), len(size)
    value = float(total.sum()) / rows
    alike = rows**2 / float((size**2).sum())
    if units == rows or units == 1 or value in (0.0, 1.0):
        return alike
    variance = units / (units - 1) * float(((total - value * size) ** 2).sum()) / rows**2
    return min(rows, value * (1 - value) / variance) if variance else rows


def compare_shares(reference: Share, current: Share) -> TwoSample:
    """Test two shares by Fisher's exact test on their effective numbers, rounded.

    Below some 30 effective requests a side the variance over units is too uncertain for it.

    >>> calm = share([1, 0] * 50, range(100))
    >>> compare_shares(calm, calm).p_value
    1.0
    """
    return fisher(reference.counts, current.counts)
