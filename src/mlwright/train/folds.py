"""Scores of rows by models that did not see them.

Each fold's model stops early on an inner part of its own training rows, never on the rows that
it is scored on: a fold that both stops and scores is scored too well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import Plan
from mlwright.core.signature import Signature
from mlwright.data.split import stratified
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.features import fit_plan
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows

FOLDS = 5
_INNER = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Training rows before encoding; `order` (n,) ranks them in time where they are dated."""

    columns: Mapping[str, NDArray[Any]]
    target: NDArray[Any]
    weights: FloatArray | None = None
    order: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[Any]) -> Sample:
        """Return a part of the rows, chosen by a mask or by indices."""
        return Sample(
            {name: values[rows] for name, values in self.columns.items()},
            self.target[rows],
            None if self.weights is None else self.weights[rows],
            None if self.order is None else self.order[rows],
        )

    def encode(self, plan: Plan) -> Rows:
        """Return the rows as a plan encodes them."""
        return Rows(plan.encode(self.columns), self.target, self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Each training row's score by a model that had not seen it, and the rounds to run."""

    scores: FloatArray
    rounds: int | None


def out_of_fold(
    framework: Framework,
    problem: Problem,
    signature: Signature,
    sample: Sample,
    *,
    params: Params,
    choices: Choices = PLAIN,
) -> OutOfFold:
    """Fit one model a fold, five in all, encoding included, and score what each left out.

    The rounds are the median over the folds.
    """
    fold = assign_folds(sample, problem)
    scores: FloatArray | None = None
    rounds = []
    for number in range(FOLDS):
        scored = fold == number
        rest = sample.take(~scored)
        plan = fit_plan(
            rest.columns, signature, style=framework.style, target=rest.target, choices=choices
        )
        train, valid = rest.encode(plan), None
        if framework.early_stops:
            inner = _inner(rest, problem)
            train, valid = train.take(~inner), train.take(inner)
        fitted = framework.fit(problem, train, params=params, valid=valid)
        found = fitted.scores(sample.take(scored).encode(plan).matrix)
        if scores is None:
            scores = np.empty((len(fold), *found.shape[1:]))
        scores[scored] = found
        rounds.append(fitted.rounds)
    assert scores is not None  # noqa: S101
    counted = [count for count in rounds if count is not None]
    return OutOfFold(scores, round(median(counted)) if counted else None)


def assign_folds(sample: Sample, problem: Problem) -> NDArray[np.int64]:
    """Return each row's fold: blocks of time where rows are dated, else stratified at random."""
    n = len(sample.target)
    if sample.order is not None:
        return sample.order * FOLDS // n
    rng = np.random.default_rng(problem.seed)
    fold = np.empty(n, dtype=np.int64)
    start = 0
    for stratum in range(max(problem.classes, 1)):
        rows = rng.permutation(np.flatnonzero(_strata(sample, problem) == stratum))
        fold[rows] = (np.arange(len(rows)) + start) % FOLDS
        start += len(rows)
    return fold


def _inner(rest: Sample, problem: Problem) -> NDArray[np.bool_]:
    if rest.order is not None:
        return np.asarray(rest.order >= np.quantile(rest.order, 1 - _INNER))
    return stratified(_strata(rest, problem), share=_INNER, seed=problem.seed)


def _strata(sample: Sample, problem: Problem) -> NDArray[np.int64]:
    if problem.classes:
        return sample.target.astype(np.int64)
    return np.zeros(len(sample.target), dtype=np.int64)
