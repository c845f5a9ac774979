"""What depends on the order of scores alone: AUC and average precision."""

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats


def ratio(top: ArrayLike, bottom: ArrayLike) -> FloatArray:
    """Return top / bottom, NaN where bottom is not positive."""
    divisor = np.asarray(bottom, dtype=np.float64)
    out = np.full(np.broadcast_shapes(np.shape(top), divisor.shape), np.nan)
    np.divide(top, divisor, out=out, where=divisor > 0)
    return out


def mean_ranks(values: FloatArray) -> FloatArray:
    """Return the rank of each value from 1 up, the mean of their ranks for equal ones.

    >>> mean_ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


class Ranking:
    """Rows sorted once by score, highest first, to be weighted many times.

    >>> Ranking([0, 1], [0.2, 0.7]).auc(np.ones((1, 2))).tolist()
    [1.0]
    """

    def __init__(self, y_true: ArrayLike, scores: ArrayLike) -> None:
        chance = floats(scores, "scores")
        self._order = np.argsort(-chance, kind="stable")
        self._positive = np.asarray(y_true, dtype=np.float64)[self._order]
        ranked = chance[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._last: tuple[FloatArray, tuple[FloatArray, FloatArray]] | None = None

    def auc(self, weights: FloatArray) -> FloatArray:
        """Return the area under the ROC curve for weights (repeats, rows), ties counting half."""
        positive, total = self._groups(weights)
        negative = total - positive
        below = np.cumsum(negative, axis=1)
        negatives = below[:, -1]
        below = negatives[:, None] - below + negative / 2
        won = np.einsum("ij,ij->i", positive, below)
        return ratio(won, positive.sum(axis=1) * negatives)

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """Return the mean precision over recall steps, for weights (repeats, rows)."""
        positive, total = self._groups(weights)
        precision = np.nan_to_num(ratio(np.cumsum(positive, axis=1), np.cumsum(total, axis=1)))
        return ratio(np.einsum("ij,ij->i", positive, precision), positive.sum(axis=1))

    def _groups(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weight of positive rows and of all rows, by distinct score.

        Kept for the last weights, since both measures are asked for the same ones in turn.
        """
        if self._last is None or self._last[0] is not weights:
            self._last = weights, self._summed(weights)
        return self._last[1]

    def _summed(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        total = np.take(weights, self._order, axis=1)
        positive = total * self._positive
        if len(self._starts) == len(self._order):
            return positive, total
        return (
            np.add.reduceat(positive, self._starts, axis=1),
            np.add.reduceat(total, self._starts, axis=1),
        )
