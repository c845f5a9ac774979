"""How far the proof of non-inferiority is away, if rates stay as they are."""

import math

import numpy as np

from mlwright.stats.arrays import unit_interval

_FRACTIONS = np.geomspace(0.01, 0.99, 30)


def units_left(
    log_e: float, alpha: float, *, margin: float, champion: float, candidate: float, weight: float
) -> int | None:
    """Return about how many more units `NonInferiority` needs, or None when it gets no nearer.

    Args:
        log_e: its log wealth now.
        alpha: the level at which it is to accept.
        margin: as there.
        champion: rate of the bad event, or mean loss, on the champion.
        candidate: the same on the candidate.
        weight: the candidate's share of the units to come.

    >>> units_left(0.0, 0.01, margin=0.01, champion=0.0, candidate=0.0, weight=0.1)
    4650
    >>> units_left(0.0, 0.01, margin=0.01, champion=0.01, candidate=0.03, weight=0.1)
    """
    bets = _FRACTIONS / (1 / weight - margin)
    calm = np.log1p(bets * margin)
    failed = np.log1p(bets * (margin - 1 / weight))
    spared = np.log1p(bets * (margin + 1 / (1 - weight)))
    growth = float(
        np.max(
            weight * (candidate * failed + (1 - candidate) * calm)
            + (1 - weight) * (champion * spared + (1 - champion) * calm)
        )
    )
    missing = -math.log(unit_interval("alpha", alpha)) - log_e
    if missing <= 0:
        return 0
    return math.ceil(missing / growth) if growth > 0 else None
