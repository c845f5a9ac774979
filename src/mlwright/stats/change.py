"""When a sequence changed its level: the point, an interval for it, and the evidence.

The unit is one value of the sequence, such as the mean of an hour; they are to be of about equal
size. The values may lean on their neighbours a little (first order).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats

FEWEST = 12
_DRAWS = 400
_MOST_LEANING = 0.9


@dataclass(frozen=True, slots=True)
class Change:
    """The level was `before` up to value `at` (not included), and `after` from there on.

    `low` and `high` hold the true place with 95% confidence, as positions in the sequence. A
    small `p_value` speaks against a sequence that never changed.
    """

    at: int
    low: int
    high: int
    before: float
    after: float
    p_value: float


def change(values: ArrayLike, *, seed: int = 0) -> Change | None:
    """Return the most likely single change of level, or None of fewer than 12 values.

    The evidence is the largest excursion of the sums about their mean, whose limit is that of a
    Brownian bridge (Kolmogorov 1933; Csorgo and Horvath 1997, "Limit Theorems in Change-Point
    Analysis"), with the long-run variance of a first-order autoregression. The place is that of
    least squares; its interval is from a bootstrap of the residuals.

    Raises:
        ValueError: no values, or a NaN.

    >>> found = change([0.0, 1.0] * 20 + [5.0, 6.0] * 20)
    >>> found.at, found.after - found.before, found.p_value < 1e-6
    (40, 5.0, True)
    """
    from scipy.special import kolmogorov

    sample = floats(values, "values")
    n = len(sample)
    if n < FEWEST:
        return None
    at = int(_places(sample[None, :])[0])
    level = np.where(np.arange(n) < at, sample[:at].mean(), sample[at:].mean())
    rest = sample - level
    spread = _spread(rest)
    excursion = float(np.abs(np.cumsum(sample - sample.mean())).max())
    p_value = 1.0 if excursion == 0 else 0.0
    if spread > 0:
        p_value = float(kolmogorov(excursion / (spread * math.sqrt(n))))
    low, high = _interval(level, rest, spread, seed)
    return Change(at, min(low, at), max(high, at), float(level[0]), float(level[-1]), p_value)


def _places(samples: FloatArray) -> FloatArray:
    """Return for each row where two levels fit it best."""
    n = samples.shape[1]
    sums = np.cumsum(samples - samples.mean(axis=1, keepdims=True), axis=1)[:, :-1]
    size = np.arange(1, n)
    return np.asarray(1 + np.argmax(np.abs(sums) / np.sqrt(size * (n - size)), axis=1))


def _spread(rest: FloatArray) -> float:
    """Return the long-run standard deviation of the values about their levels."""
    variance = float(rest @ rest) / (len(rest) - 2)
    if variance == 0:
        return 0.0
    leaning = float(rest[1:] @ rest[:-1]) / float(rest @ rest)
    leaning = min(max(leaning, 0.0), _MOST_LEANING)
    return math.sqrt(variance * (1 + leaning) / (1 - leaning))


def _interval(level: FloatArray, rest: FloatArray, spread: float, seed: int) -> tuple[int, int]:
    own = float(rest.std())
    if own == 0:
        at = int(np.argmax(level != level[0])) if level[0] != level[-1] else 0
        return at, at
    drawn = np.random.default_rng(seed).choice(rest, (_DRAWS, len(rest))) * (spread / own)
    ends = np.quantile(_places(level + drawn), (0.025, 0.975))
    return math.floor(ends[0]), math.ceil(ends[1])


def cumulated(log_evidence: ArrayLike, log_factors: ArrayLike) -> FloatArray:
    """Return the evidence that a change happened at or before now, after one more look.

    The Shiryaev-Roberts e-detector (Shin, Ramdas and Rinaldo 2024, "E-detectors: a nonparametric
    framework for sequential change detection", New England J. Stat. Data Sci.): a look multiplies
    what was there, and one more possible beginning, by its e-value. Where nothing changes, the mean
    number of looks until the mean over the bets exceeds A is at least A.

    Args:
        log_evidence: what the last look left (bets,); -inf before the first.
        log_factors: the log e-value of this look (bets,).

    >>> cumulated([-math.inf], [0.0]).tolist()
    [0.0]
    """
    before = np.asarray(log_evidence, dtype=np.float64)
    return np.asarray(np.logaddexp(before, 0.0) + np.asarray(log_factors, dtype=np.float64))


BETS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""How much is bet on a higher mean, as a share of what the supposed one allows."""


def higher_mean(values: ArrayLike, limit: float) -> FloatArray:
    """Return the log e-value (bets,) of values in 0..1 against a conditional mean <= limit.

    Products of 1 + b (x - m) / m (Waudby-Smith and Ramdas 2023, "Estimating means of bounded random
    variables by betting"). No values are no evidence.

    Raises:
        ValueError: the limit lies outside 0..1, or a value does.

    >>> bool((higher_mean([1.0] * 50, 0.2) > 0).all()), bool((higher_mean([0.0], 0.2) < 0).all())
    (True, True)
    """
    if not 0 < limit <= 1:
        raise ValueError(f"limit must lie between 0 and 1, got {limit}.")
    sample = np.asarray(values, dtype=np.float64)
    if not len(sample):
        return np.zeros(len(BETS))
    if not (sample.min() >= 0 and sample.max() <= 1):
        raise ValueError("values must lie between 0 and 1; scale them first.")
    gains = (sample - limit) / limit
    return np.asarray(np.log1p(np.outer(BETS, gains)).sum(axis=1))
