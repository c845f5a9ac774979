"""Fisher's exact test of two shares, where counts are too small for chi-squared."""

import numpy as np

from mlwright.stats.two_sample import TwoSample

_TIE = 1 + 1e-7  # tables as likely as the one seen, but for rounding


def fisher(reference: tuple[int, int], current: tuple[int, int]) -> TwoSample:
    """Test two counts of yes and no, two-sided: all tables no likelier than the one seen count.

    The statistic and the effect are the difference of the shares, without its sign.

    Raises:
        ValueError: a count is negative, or a side is empty.

    >>> found = fisher((0, 10), (5, 5))
    >>> round(found.p_value, 4), found.effect
    (0.0325, 0.5)
    """
    from scipy.special import gammaln

    (a, b), (c, d) = reference, current
    n, m, hits = a + b, c + d, a + c
    if min(a, b, c, d) < 0 or not n or not m:
        raise ValueError(f"Two sides with counts are needed, got {reference} and {current}.")
    first = np.arange(max(0, hits - m), min(n, hits) + 1)
    second = hits - first
    log_chance = -gammaln(first + 1) - gammaln(n - first + 1)
    log_chance -= gammaln(second + 1) + gammaln(m - second + 1)
    chance = np.exp(log_chance - log_chance.max())
    seen = chance[a - first[0]]
    p_value = float(chance[chance <= seen * _TIE].sum() / chance.sum())
    effect = abs(a / n - c / m)
    return TwoSample(effect, min(1.0, p_value), effect, n, m)
