"""The one reading of the holdout: every model's metrics, and how much one gains on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.signature import Task
from mlwright.stats.arrays import FloatArray
from mlwright.stats.bootstrap import (
    bootstrap_metrics,
    paired_difference,
    paired_metric_difference,
)
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import HIGHER_IS_BETTER, losses
from mlwright.train.candidate import Candidate
from mlwright.train.frameworks import Params


@dataclass(frozen=True, slots=True)
class Judgement:
    """Metrics by algorithm; the first model's scores, and its gains on the linear and the rival."""

    metrics: dict[str, dict[str, Interval]]
    scores: FloatArray
    gain: Interval | None
    rival_gain: Interval | None = None


RIVAL = "default"
"""What the rival is called among the algorithms: the parameters that a search began from."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Parameters that the model is compared with, by one metric."""

    params: Params
    metric: str


def judge(
    candidates: Sequence[Candidate],
    columns: Mapping[str, NDArray[Any]],
    target: NDArray[Any],
    *,
    task: Task,
    seed: int,
    rival_metric: str | None = None,
) -> Judgement:
    """Score all candidates on the same holdout rows (n,), once, with 95% bootstrap intervals.

    The gain is the linear model's mean loss (log loss, or squared error) less the first
    candidate's, paired by row: above 0 the first is better. The gain on the rival, the last
    candidate, is the difference in `rival_metric`, where one is given, in its better direction.
    """
    metrics, loss, made = {}, {}, []
    for candidate in candidates:
        scores = candidate.scores(columns)
        if task != "regression":
            scores = np.clip(scores, 0.0, 1.0)
        decided = candidate.decide(scores)
        metrics[candidate.algorithm] = bootstrap_metrics(task, target, decided, scores, seed=seed)
        loss[candidate.algorithm] = losses(task, target, scores)
        made.append((decided, scores))
    first = candidates[0].algorithm
    gain = None
    if first != "linear" and "linear" in loss:
        gain = paired_difference(loss["linear"], loss[first], seed=seed)
    if rival_metric is None:
        return Judgement(metrics, made[0][1], gain)
    better, worse = made[0], made[-1]
    if not HIGHER_IS_BETTER[rival_metric]:
        better, worse = worse, better
    return Judgement(
        metrics,
        made[0][1],
        gain,
        paired_metric_difference(task, rival_metric, target, *better, *worse, seed=seed),
    )
