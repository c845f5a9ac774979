"""What sequential tests by betting share: checked arms, the bet on an arm, averaged wealth."""

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import BoolArray, FloatArray, floats, same_length


def checked_arms(is_candidate: ArrayLike, weights: ArrayLike) -> tuple[BoolArray, FloatArray]:
    """Return arms and the candidate's shares with which they were drawn, as arrays.

    Raises:
        ValueError: lengths differ, or a weight is no share or gives its arm no units.
    """
    arm, share = np.asarray(is_candidate, dtype=np.bool_), floats(weights, "weights")
    same_length(is_candidate=arm, weights=share)
    if share.min() < 0 or share.max() > 1:
        raise ValueError("weights must be shares of the candidate between 0 and 1.")
    if (arm & (share == 0)).any() or (~arm & (share == 1)).any():
        raise ValueError("A unit cannot reach an arm whose share was 0; check its weight.")
    return arm, share


def log_factors(arm: BoolArray, share: FloatArray, ratios: FloatArray) -> FloatArray:
    """Return the log factors of bets on the arm, by odds ratio r (rows) and event (columns).

    theta / w for the candidate, (1 - theta) / (1 - w) for the champion, where
    theta = w r / (w r + 1 - w).
    """
    factors = np.outer(np.log(ratios), arm)
    # The shares of one history are few, their logarithms many.
    distinct, index = np.unique(share, return_inverse=True)
    return np.asarray(factors - np.log1p(np.outer(ratios - 1, distinct))[:, index])


def log_mean_exp(log_wealth: FloatArray, log_prior: FloatArray) -> FloatArray:
    """Return the log of the wealth averaged over the first axis with these log weights."""
    weighted = log_wealth + log_prior.reshape(-1, *(1,) * (log_wealth.ndim - 1))
    top = weighted.max(axis=0)
    return np.asarray(top + np.log(np.exp(weighted - top).sum(axis=0)))
