"""One way to fit, taken from training rows to a model with its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import Plan
from mlwright.core.signature import Signature
from mlwright.stats.metrics import best_threshold
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.features import fit_plan
from mlwright.train.folds import Sample, out_of_fold
from mlwright.train.frameworks import FRAMEWORKS, Fitted, FloatArray, Params, Problem


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model fitted on all training rows; threshold and rounds come from out-of-fold scores."""

    algorithm: str
    params: Params
    plan: Plan
    fitted: Fitted
    threshold: float | None
    unseen_scores: FloatArray
    """Each training row's score by a model of a fold that did not hold it."""

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        return self.fitted.scores(self.plan.encode(columns))

    def decide(self, scores: FloatArray) -> NDArray[Any]:
        """Return 0/1, the class index, or the value, for scores of `scores`."""
        if scores.ndim == 2:
            return np.asarray(scores.argmax(axis=1))
        return scores if self.threshold is None else (scores >= self.threshold).astype(np.int64)

    def importance(self) -> dict[str, float]:
        """Return each column's share of what the features add, the largest first."""
        totals = dict.fromkeys(self.plan.feature_columns, 0.0)
        for column, gain in zip(
            self.plan.feature_columns, self.fitted.importance().tolist(), strict=True
        ):
            totals[column] += gain
        whole = sum(totals.values()) or 1.0
        return {
            name: totals[name] / whole for name in sorted(totals, key=lambda n: (-totals[n], n))
        }


def learn(
    algorithm: str,
    problem: Problem,
    signature: Signature,
    sample: Sample,
    *,
    params: Mapping[str, Any],
    choices: Choices = PLAIN,
) -> Candidate:
    """Score the rows out of fold, choose rounds and threshold by them, then fit on all rows.

    The threshold of a binary model is the one of highest F1; other tasks have none.

    Raises:
        UnknownBackend: no algorithm has that name.
        ConfigError: a parameter is not one of the algorithm's.
    """
    framework = FRAMEWORKS.load(algorithm)
    settings = framework.params(params, problem=problem, rows=len(sample.target))
    unseen = out_of_fold(framework, problem, signature, sample, params=settings, choices=choices)
    threshold = None
    if problem.task == "binary":
        threshold = best_threshold(sample.target, unseen.scores, metric="f1")
    plan = fit_plan(
        sample.columns, signature, style=framework.style, target=sample.target, choices=choices
    )
    fitted = framework.fit(problem, sample.encode(plan), params=settings, rounds=unseen.rounds)
    if unseen.rounds is not None:
        settings = {**settings, "rounds": unseen.rounds}
    return Candidate(algorithm, settings, plan, fitted, threshold, unseen.scores)
