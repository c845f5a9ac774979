"""The one reading of the holdout: every model's metrics, and how much one gains on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.signature import Task
from mlwright.stats.bootstrap import bootstrap_metrics, paired_difference
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import losses
from mlwright.train.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Judgement:
    """Metrics by algorithm, and the first model's gain on the linear one, where both ran."""

    metrics: dict[str, dict[str, Interval]]
    gain: Interval | None


def judge(
    candidates: Sequence[Candidate],
    columns: Mapping[str, NDArray[Any]],
    target: NDArray[Any],
    *,
    task: Task,
    seed: int,
) -> Judgement:
    """Score all candidates on the same holdout rows (n,), once, with 95% bootstrap intervals.

    The gain is the linear model's mean loss (log loss, or squared error) less the first
    candidate's, paired by row: above 0 the first is better.
    """
    metrics, loss = {}, {}
    for candidate in candidates:
        scores = candidate.scores(columns)
        if task != "regression":
            scores = np.clip(scores, 0.0, 1.0)
        decided = candidate.decide(scores)
        metrics[candidate.algorithm] = bootstrap_metrics(task, target, decided, scores, seed=seed)
        loss[candidate.algorithm] = losses(task, target, scores)
    first = candidates[0].algorithm
    gain = None
    if first != "linear" and "linear" in loss:
        gain = paired_difference(loss["linear"], loss[first], seed=seed)
    return Judgement(metrics, gain)
