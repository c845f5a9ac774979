"""Whether units reach the candidate with the share that they were meant to."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, unit_interval
from mlwright.stats.betting import checked_arms, log_factors, log_mean_exp

_UNEQUAL: Final = np.r_[np.geomspace(1.02, 8.0, 12), 1 / np.geomspace(1.02, 8.0, 12)]
_LOG_PRIOR: Final = np.full(len(_UNEQUAL), -np.log(len(_UNEQUAL)))


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """Sequential evidence of a sample-ratio mismatch; null: "the arm is a coin of chance w".

    Unit: a routing key's first arrival, or a request without a key; `weight` is its w. The same
    bet as `RateEProcess`, on all units and on both sides (odds ratios from 1/8 to 8): a martingale
    under the null, so that it reaches 1 / alpha at any time with probability at most alpha (Ville;
    Lindon and Malek 2022, "Anytime-valid inference for multinomial count data").

    >>> found = SplitCheck().update_many([True] * 20, [0.5] * 20)
    >>> found.mismatch(0.01), found.units, found.expected
    (True, 20, 10.0)
    """

    log_wealth: tuple[float, ...] = (0.0,) * len(_UNEQUAL)
    units: int = 0
    candidate: int = 0
    expected: float = 0.0
    peak: float = 0.0

    def update_many(self, is_candidate: ArrayLike, weights: ArrayLike) -> Self:
        """Return the evidence after more units, looked at after each of them.

        Raises:
            ValueError: lengths differ, or a weight is no share or gives its arm no units.
        """
        arm, share = checked_arms(is_candidate, weights)
        wealth = np.cumsum(log_factors(arm, share, _UNEQUAL), axis=1)
        wealth += np.asarray(self.log_wealth)[:, None]
        return type(self)(
            tuple(wealth[:, -1].tolist()),
            self.units + len(arm),
            self.candidate + int(arm.sum()),
            self.expected + float(share.sum()),
            max(self.peak, float(log_mean_exp(wealth, _LOG_PRIOR).max())),
        )

    @property
    def log_e(self) -> float:
        """The logarithm of the wealth now."""
        return float(log_mean_exp(np.asarray(self.log_wealth), _LOG_PRIOR))

    def mismatch(self, alpha: float) -> bool:
        """Return whether the null was rejected at level alpha, now or at any time before."""
        return self.peak >= -float(np.log(unit_interval("alpha", alpha)))


def split_log_wealth(is_candidate: ArrayLike, weights: ArrayLike) -> FloatArray:
    """Return the log wealth of `SplitCheck` after each unit, for a whole history at once.

    Raises:
        ValueError: lengths differ, or a weight is no share or gives its arm no units.

    >>> split_log_wealth([True] * 20, [0.5] * 20)[-1] > np.log(100)
    np.True_
    """
    arm, share = checked_arms(is_candidate, weights)
    return log_mean_exp(np.cumsum(log_factors(arm, share, _UNEQUAL), axis=1), _LOG_PRIOR)
