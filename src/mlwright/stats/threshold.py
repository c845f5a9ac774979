"""From which score on to say yes: the cut that is best by a metric, or that costs least."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.arrays import FloatArray, floats, same_length

ThresholdMetric = Literal["f1", "accuracy", "balanced_accuracy"]


def best_threshold(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    metric: ThresholdMetric = "f1",
    weights: ArrayLike | None = None,
) -> float:
    """Return the threshold t at which predicting 1 for score >= t has the best metric.

    Every cut between two neighbouring scores is tried, in O(n log n). Among equally good cuts
    the middle one is taken, and the threshold lies half way between the two scores, so that a
    score that differs in its last digits (a converted model) falls on the same side.

    Raises:
        ValueError: lengths differ, a NaN, or y_true has no positive row (for balanced accuracy,
            no negative one either).

    >>> best_threshold([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9])
    0.5
    """
    cuts = _Cuts(y_true, scores, weights)
    if metric == "f1":
        return cuts.best(2 * cuts.hits / (cuts.predicted + cuts.positives))
    wrong = cuts.predicted - cuts.hits
    if metric == "accuracy":
        return cuts.best(cuts.hits - wrong)
    if cuts.negatives == 0:
        raise ValueError("Balanced accuracy needs at least one negative row in y_true.")
    return cuts.best(cuts.hits / cuts.positives - wrong / cuts.negatives)


def cheapest_threshold(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    false_positive: float,
    false_negative: float,
    weights: ArrayLike | None = None,
) -> float:
    """Return the threshold t at which predicting 1 for score >= t costs least on these rows.

    To predict nothing positive is one of the cuts: its threshold lies above every score.

    Raises:
        ValueError: as `best_threshold`, or a cost is not positive.

    >>> cheapest_threshold([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], false_positive=1, false_negative=5)
    0.25
    """
    if not (0 < false_positive < np.inf and 0 < false_negative < np.inf):
        raise ValueError("Costs must be positive numbers.")
    cuts = _Cuts(y_true, scores, weights)
    missed = cuts.positives - cuts.hits
    cost = false_positive * (cuts.predicted - cuts.hits) + false_negative * missed
    if false_negative * cuts.positives < cost.min():
        return (
            (1.0 + float(cuts.ranked[0])) / 2 if cuts.ranked[0] < 1 else float(np.nextafter(1, 2))
        )
    return cuts.best(-cost)


class _Cuts:
    """Every way to cut the rows in two by their score: what lies above each cut."""

    def __init__(self, y_true: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> None:
        truth, chance = floats(y_true, "y_true"), floats(scores, "scores")
        rows = same_length(y_true=truth, scores=chance)
        weight = np.ones(rows) if weights is None else floats(weights, "weights")
        same_length(y_true=truth, weights=weight)
        order = np.argsort(-chance, kind="stable")
        self.ranked = chance[order]
        self.last = np.flatnonzero(np.r_[self.ranked[1:] != self.ranked[:-1], True])
        self.hits = np.cumsum((truth * weight)[order])[self.last]
        self.predicted = np.cumsum(weight[order])[self.last]
        self.positives = float((truth * weight).sum())
        self.negatives = float(((1 - truth) * weight).sum())
        if self.positives == 0:
            raise ValueError("A threshold needs at least one positive row in y_true.")

    def best(self, value: FloatArray) -> float:
        """Return the threshold of the cut of the highest value."""
        best = np.flatnonzero(value >= value.max() - 1e-12 * max(1.0, float(np.abs(value).max())))
        cut = self.last[best[len(best) // 2]]
        if cut + 1 == len(self.ranked):
            return float(self.ranked[cut])
        middle = (self.ranked[cut] + self.ranked[cut + 1]) / 2
        return float(middle if middle > self.ranked[cut + 1] else self.ranked[cut])
