"""What the curves of a validation are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import FloatArray
from mlwright.stats.intervals import Interval, mean_interval, wilson
from mlwright.train.scored import Scored

_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The ROC and PR curve of one class against the rest."""

    name: str
    false_positive_rate: FloatArray
    true_positive_rate: FloatArray
    precision: FloatArray


def curves(scored: Scored) -> list[Curve]:
    """Return the curve of the positive class, or of each class that has both sides."""
    signature = scored.signature
    if signature.task == "regression":
        return []
    if signature.task == "binary":
        found = [_curve(str(signature.positive), scored.truth == 1, scored.scores)]
    else:
        found = [
            _curve(str(label), scored.truth == i, scored.scores[:, i])
            for i, label in enumerate(signature.classes)
        ]
    return [curve for curve in found if curve is not None]


def _curve(name: str, truth: NDArray[np.bool_], chance: FloatArray) -> Curve | None:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return None
    order = np.argsort(-chance, kind="stable")
    ranked = chance[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    hits = np.cumsum(truth[order])[last]
    alarms = last + 1 - hits
    return Curve(
        name,
        np.r_[0.0, alarms / negatives],
        np.r_[0.0, hits / positives],
        np.r_[1.0, hits / (last + 1)],
    )


def confusion(scored: Scored) -> NDArray[Any]:
    """Return counts (classes, classes): true class down, predicted class across."""
    k = len(scored.signature.classes)
    codes = scored.truth.astype(np.int64) * k + scored.decided.astype(np.int64)
    return np.bincount(codes, minlength=k * k).reshape(k, k)


def calibration(scored: Scored) -> list[tuple[float, Interval]]:
    """Return what was said and what was seen in tenths of the rows, by what was said.

    Said: the mean probability of the positive class, of the predicted class where there are more
    than two, or the mean predicted value; seen: the share, or the mean, with its interval.
    """
    task = scored.signature.task
    if task == "multiclass":
        said, seen = scored.scores.max(axis=1), scored.scores.argmax(axis=1) == scored.truth
    else:
        said, seen = scored.scores, scored.truth
    edges = np.unique(np.quantile(said, np.linspace(0, 1, _BINS + 1)[1:-1]))
    places = np.searchsorted(edges, said, side="left")
    found = []
    for place in range(len(edges) + 1):
        inside = places == place
        if inside.sum() < 2:
            continue
        values = seen[inside]
        share = (
            mean_interval(values)
            if task == "regression"
            else wilson(int(values.sum()), len(values))
        )
        found.append((float(said[inside].mean()), share))
    return found
