"""One way to fit, taken from training rows to a model with its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.calibration import Calibration
from mlwright.bundle.plan import Plan
from mlwright.core.signature import Signature
from mlwright.train.calibrate import calibrate, cross_calibrated
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.features import fit_plan
from mlwright.train.folds import Sample, out_of_fold
from mlwright.train.frameworks import FRAMEWORKS, Fitted, FloatArray, Params, Problem
from mlwright.train.limits import to_fit
from mlwright.train.threshold import choose_threshold, one_sided

_GUESS = "dummy"
"""All rows get one score of it: .5 calls the commoner class, another threshold all rows or none."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model fitted on all training rows; threshold and rounds come from out-of-fold scores."""

    algorithm: str
    params: Params
    plan: Plan
    fitted: Fitted
    threshold: float | None
    unseen_scores: FloatArray
    """Each training row's score by a model, and a calibration, of folds that did not hold it.

    NaN for the rows of folds that a time budget left out; `was_scored` marks the others.
    """
    calibration: Calibration | None = None
    cut: tuple[str, ...] = ()
    """What the time budget left out."""
    one_sided: str = ""
    """Why the threshold hardly decides anything, where it does not."""

    @property
    def was_scored(self) -> NDArray[np.bool_]:
        """Return which training rows have an out-of-fold score (n,)."""
        return _scored(self.unseen_scores)

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        scores = self.fitted.scores(self.plan.encode(columns))
        return scores if self.calibration is None else self.calibration.apply(scores)

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

    The out-of-fold scores also fit the calibration, where one is chosen. All of it ends at
    `problem.deadline`, with what there is by then.

    Raises:
        UnknownBackend: no algorithm has that name.
        ConfigError: a parameter is not one of the algorithm's.
    """
    framework = FRAMEWORKS.load(algorithm)
    settings = framework.params(params, problem=problem, rows=len(sample.target))
    unseen = out_of_fold(framework, problem, signature, sample, params=settings, choices=choices)
    scores, calibration, threshold, doubt = unseen.scores, None, None, ""
    known = _scored(scores)
    seen = scores[known]
    target = sample.target[known]
    weights = None if sample.weights is None else sample.weights[known]
    if choices.calibration != "none":
        calibration = calibrate(choices.calibration, target, seen, weights=weights)
        scores = np.full_like(scores, np.nan)
        scores[known] = cross_calibrated(
            choices.calibration, target, seen, fold=unseen.fold[known], weights=weights
        )
        seen = calibration.apply(seen)
    if problem.task == "binary" and algorithm == _GUESS:
        threshold = 0.5
    elif problem.task == "binary":
        rule = choices.threshold
        threshold = choose_threshold(rule, target, seen, weights=weights)
        doubt = one_sided(threshold, target, seen, rule=rule, label=signature.positive)
    plan = fit_plan(
        sample.columns, signature, style=framework.style, target=sample.target, choices=choices
    )
    rows = to_fit(sample.encode_training(plan, signature), plan, problem, choices)
    fitted = framework.fit(problem, rows, params=settings, rounds=unseen.rounds)
    if fitted.rounds is not None:
        settings = {**settings, "rounds": fitted.rounds}
    cut = (*unseen.cut, *([fitted.cut] if fitted.cut else []))
    return Candidate(algorithm, settings, plan, fitted, threshold, scores, calibration, cut, doubt)


def _scored(scores: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(scores if scores.ndim == 1 else scores[:, 0]))
