"""How many units a comparison needs, before it begins."""

import math

from mlwright.stats.arrays import unit_interval


def units_needed(
    variance: float, effect: float, *, share: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return the units of both arms together that show a difference of means of this size.

    Args:
        variance: of one unit's value, the same in both arms.
        effect: the difference of means to be found, of either sign.
        share: of the units that go to the second arm.
        alpha: of the two-sided test at the end.
        power: the chance to find it.

    Raises:
        ValueError: an effect of 0, or a share, alpha or power outside 0..1.

    >>> units_needed(0.25, 0.05, share=0.5)
    3140
    """
    if effect == 0:
        raise ValueError("effect must not be 0: nothing shows that two things are equal.")
    return math.ceil(_spread(variance, share) * (_z(alpha, power) / effect) ** 2)


def smallest_effect(
    variance: float, units: float, *, share: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the smallest difference of means that so many units show; as `units_needed`.

    >>> round(smallest_effect(0.25, 3140, share=0.5), 3)
    0.05
    """
    return math.sqrt(_spread(variance, share) / max(units, 1.0)) * _z(alpha, power)


def _spread(variance: float, share: float) -> float:
    w = unit_interval("share", share)
    return variance / w + variance / (1 - w)


def _z(alpha: float, power: float) -> float:
    from scipy.special import ndtri

    tail = ndtri(unit_interval("alpha", alpha) / 2)
    return float(ndtri(unit_interval("power", power)) - tail)
