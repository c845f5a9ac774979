"""Sequential tests of a candidate against a champion that may be looked at after every event.

All rest on randomised assignment alone: each unit (a routing key where keys are sticky, else a
request) goes to the candidate with a known share. Each test is a wealth that starts at 1 and
whose expectation under its null never exceeds 1, at any stopping time; by Ville's inequality
(1939) it ever reaches 1/alpha with probability at most alpha. See Ramdas, Grunwald, Vovk, Shafer
(2023), "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38(4).
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats, same_length, unit_interval
from mlwright.stats.betting import checked_arms, log_factors, log_mean_exp

_WORSE: Final = np.geomspace(1.7, 60.0, 24)
_LOG_WORSE: Final = np.log(_WORSE**-0.25 / (_WORSE**-0.25).sum())
_FRACTIONS: Final = np.array([0.99, 0.5, 0.15, 0.03])
"""The best bet is near margin / (margin + rate): no failures, 1%, 5%, 20% at one point."""
_LOG_PRIOR: Final = np.log([0.35, 0.4, 0.15, 0.1])


@dataclass(frozen=True, slots=True)
class RateEProcess:
    """Evidence that the candidate has a higher rate of a bad event; null: "it is no worse".

    Give it the errors alone, in order. Unit: the routing key's first error; where there are no
    keys, each request is a unit. `weight` is the share of the candidate when that unit was
    assigned; it may change on a schedule or in answer to earlier errors.

    The rule bets on the arm of each error: wealth is multiplied by theta / w for a candidate's
    and (1 - theta) / (1 - w) for a champion's, theta = w r / (w r + 1 - w), averaged over risk
    ratios r from 1.7 to 60, on the log scale with density r^-1/4.

    Why it is valid: let every unit's first error come, on the candidate, no earlier than on the
    champion (or never). Were both the same, the arm of each error would be an independent coin
    with chance w, whatever the error rate does over time and however units differ, so each
    factor has expectation w (theta / w) + (1 - w) (1 - theta) / (1 - w) = 1 and the wealth is a
    martingale. A better candidate only delays or removes factors theta / w > 1, so its wealth is
    at no time above that martingale. Hence P(ever above 1 / alpha) <= alpha (Ville). It needs
    units that do not influence each other's errors through their arm. Requests with a fresh
    coin each need only P(error | candidate, past) <= P(error | champion, past).

    >>> evidence = RateEProcess()
    >>> for _ in range(4):
    ...     evidence = evidence.update(True, 0.1)
    >>> evidence.crossed(0.01), evidence.errors
    (True, 4)
    """

    log_wealth: tuple[float, ...] = (0.0,) * len(_WORSE)
    errors: int = 0
    candidate_errors: int = 0
    peak: float = 0.0

    def update(self, is_candidate: bool, weight: float) -> Self:
        """Return the evidence after one more error.

        Raises:
            ValueError: the weight is no share, or gives this arm no units.
        """
        return self.update_many([is_candidate], [weight])

    def update_many(self, is_candidate: ArrayLike, weights: ArrayLike) -> Self:
        """Return the evidence after more errors, looked at after each of them.

        Raises:
            ValueError: lengths differ, or a weight is no share or gives its arm no units.
        """
        arm, share = checked_arms(is_candidate, weights)
        wealth = np.cumsum(log_factors(arm, share, _WORSE), axis=1)
        wealth += np.asarray(self.log_wealth)[:, None]
        return type(self)(
            tuple(wealth[:, -1].tolist()),
            self.errors + len(arm),
            self.candidate_errors + int(arm.sum()),
            max(self.peak, float(log_mean_exp(wealth, _LOG_WORSE).max())),
        )

    @property
    def log_e(self) -> float:
        """The logarithm of the wealth now."""
        return float(log_mean_exp(np.asarray(self.log_wealth), _LOG_WORSE))

    @property
    def p_value(self) -> float:
        """An anytime-valid p-value: one over the highest wealth so far."""
        return math.exp(-self.peak)

    def crossed(self, alpha: float) -> bool:
        """Return whether the null was rejected at level alpha, now or at any time before."""
        return self.peak >= -math.log(unit_interval("alpha", alpha))


def rate_log_wealth(is_candidate: ArrayLike, weights: ArrayLike) -> FloatArray:
    """Return the log wealth of `RateEProcess` after each error, for a whole history at once.

    Raises:
        ValueError: lengths differ, or a weight is no share or gives its arm no units.

    >>> rate_log_wealth([True] * 4, [0.1] * 4)[-1] > np.log(100)
    np.True_
    """
    arm, share = checked_arms(is_candidate, weights)
    return log_mean_exp(np.cumsum(log_factors(arm, share, _WORSE), axis=1), _LOG_WORSE)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Evidence that the candidate's rate of a bad event exceeds the champion's by < `margin`.

    Give it every unit, in order: a routing key's first outcome, or a request where each is
    randomised. `weight` is the unit's chance w of the candidate, set before its arm was drawn.
    `bad` is yes or no, or any loss from 0 to 1; then the rates are means. A margin of 0 shows
    that the candidate is better; with the arms changed over (and their weights), a margin of -m
    shows that it is worse by more than m.

    X = 1[candidate] bad / w - 1[champion] bad / (1 - w) has expectation D given the past: how
    much more often this unit fails on the candidate. Wealth is the average over fractions f of
    the product of 1 + b (margin - X), with bets b = f / (1 / w - margin), so every factor is
    positive. Proof: dividing each factor by 1 + b (margin - D) gives a martingale M, and the
    product of what was divided by is at most exp(sum of b (margin - D)). So wealth <= M, and it
    exceeds 1 / alpha with probability at most alpha (Ville), at all times at which the average
    of D over the units so far, weighted by b, is at least margin. While w is constant this is
    the plain average: D may rise and fall, and the units may differ. With several shares, a unit
    counts by b, which is about w.

    Bets as in Waudby-Smith and Ramdas (2023), "Estimating means of bounded random variables by
    betting"; X as in Ham and others (2022), "Design-based confidence sequences".

    >>> evidence = NonInferiority(margin=0.01)
    >>> calm = evidence.update_many([False, True] * 700, [False] * 1400, [0.5] * 1400)
    >>> calm.accepted(0.01), calm.units
    (True, 1400)
    """

    margin: float
    log_wealth: tuple[float, ...] = (0.0,) * len(_FRACTIONS)
    units: int = 0
    peak: float = 0.0

    def __post_init__(self) -> None:
        _margin(self.margin)

    def update(self, is_candidate: bool, bad: float, weight: float) -> Self:
        """Return the evidence after one more unit.

        Raises:
            ValueError: the weight or the loss does not lie between 0 and 1.
        """
        return self.update_many([is_candidate], [bad], [weight])

    def update_many(self, is_candidate: ArrayLike, bad: ArrayLike, weights: ArrayLike) -> Self:
        """Return the evidence after more units, looked at after each of them.

        Raises:
            ValueError: lengths differ, or a weight or a loss does not lie between 0 and 1.
        """
        factors = _non_inferior_factors(is_candidate, bad, weights, self.margin)
        wealth = np.cumsum(factors, axis=1) + np.asarray(self.log_wealth)[:, None]
        return type(self)(
            self.margin,
            tuple(wealth[:, -1].tolist()),
            self.units + wealth.shape[1],
            max(self.peak, float(log_mean_exp(wealth, _LOG_PRIOR).max())),
        )

    @property
    def log_e(self) -> float:
        """The logarithm of the wealth now."""
        return float(log_mean_exp(np.asarray(self.log_wealth), _LOG_PRIOR))

    def accepted(self, alpha: float) -> bool:
        """Return whether non-inferiority was shown at level alpha, now or at any time before."""
        return self.peak >= -math.log(unit_interval("alpha", alpha))


def non_inferiority_log_wealth(
    is_candidate: ArrayLike, bad: ArrayLike, weights: ArrayLike, *, margin: float
) -> FloatArray:
    """Return the log wealth of `NonInferiority` after each unit, for a whole history at once.

    Raises:
        ValueError: lengths differ, or a weight or the margin does not lie between 0 and 1.

    >>> calm = non_inferiority_log_wealth([True] * 700, [False] * 700, [0.5] * 700, margin=0.02)
    >>> calm[-1] > np.log(100)
    np.True_
    """
    factors = _non_inferior_factors(is_candidate, bad, weights, _margin(margin))
    return log_mean_exp(np.cumsum(factors, axis=1), _LOG_PRIOR)


def _non_inferior_factors(
    is_candidate: ArrayLike, bad: ArrayLike, weights: ArrayLike, margin: float
) -> FloatArray:
    """Log of 1 + b (margin - X), by fraction (rows) and unit (columns)."""
    arm, share = checked_arms(is_candidate, weights)
    failed = floats(bad, "bad")
    same_length(is_candidate=arm, bad=failed)
    if failed.min() < 0 or failed.max() > 1:
        raise ValueError("A loss must lie between 0 and 1; scale it first.")
    if share.min() <= 0 or share.max() >= 1:
        raise ValueError("A comparison needs both arms: weights between 0 and 1, ends excluded.")
    excess = np.where(arm, failed / share, -1.0 * failed / (1 - share))
    return np.log1p(np.outer(_FRACTIONS, (margin - excess) / (1 / share - margin)))


def _margin(margin: float) -> float:
    if not -1 < margin < 1:
        raise ValueError(f"margin must lie between -1 and 1, got {margin}.")
    return margin
