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
from mlwright.core.errors import DataError
from mlwright.core.signature import Signature
from mlwright.data.split import stratified, whole_groups
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.features import encode_training, fit_plan
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows
from mlwright.train.limits import Folds, to_fit

FOLDS = 5
_INNER = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Training rows before encoding.

    `order` (n,) ranks them in time where they are dated; rows of one number in `groups` (n,) are
    never divided, where rows come in groups.
    """

    columns: Mapping[str, NDArray[Any]]
    target: NDArray[Any]
    weights: FloatArray | None = None
    order: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[Any]) -> Sample:
        """Return a part of the rows, chosen by a mask or by indices."""
        return Sample(
            {name: values[rows] for name, values in self.columns.items()},
            self.target[rows],
            None if self.weights is None else self.weights[rows],
            None if self.order is None else self.order[rows],
            None if self.groups is None else self.groups[rows],
        )

    def encode(self, plan: Plan) -> Rows:
        """Return the rows as a plan encodes them."""
        return Rows(plan.encode(self.columns), self.target, self.weights)

    def encode_training(self, plan: Plan, signature: Signature) -> Rows:
        """Return the rows as a plan that was fitted on them encodes them."""
        matrix = encode_training(plan, self.columns, self.target, signature)
        return Rows(matrix, self.target, self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Each training row's score by a model that had not seen it, and the rounds to run.

    `fold` (n,) is the fold that each row was scored in. Where a time budget left out folds, `cut`
    says so, and the scores of their rows are NaN.
    """

    scores: FloatArray
    fold: NDArray[np.int64]
    rounds: int | None
    cut: tuple[str, ...] = ()


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

    The rounds are the median over the folds. Where `problem` has a deadline, there may be fewer
    folds; where rows are dated the newest come first.
    """
    fold = assign_folds(sample, problem)
    scores: FloatArray | None = None
    rounds, cut = [], ""
    folds = Folds(problem)
    for number in reversed(range(FOLDS)):
        timed = folds.begin()
        if timed is None:
            break
        scored = fold == number
        part = encode_fold(
            framework,
            problem,
            signature,
            sample,
            fits=~scored,
            scored=scored,
            inner=framework.early_stops,
            choices=choices,
        )
        fitted = framework.fit(timed, part.train, params=params, valid=part.valid)
        found = fitted.scores(part.scored.matrix)
        if scores is None:
            scores = np.full((len(fold), *found.shape[1:]), np.nan)
        scores[scored] = found
        rounds.append(fitted.rounds)
        cut = cut or fitted.cut
        folds.end(fitted.cut)
    assert scores is not None  # noqa: S101
    counted = [count for count in rounds if count is not None]
    words = [f"{len(rounds)} of {FOLDS} folds"] if len(rounds) < FOLDS else []
    words += [f"a fold {cut}"] if cut else []
    return OutOfFold(scores, fold, round(median(counted)) if counted else None, tuple(words))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFold:
    """Rows that fit, an inner part of them kept from fitting (or None), and rows to be scored."""

    train: Rows
    valid: Rows | None
    scored: Rows


def encode_fold(
    framework: Framework,
    problem: Problem,
    signature: Signature,
    sample: Sample,
    *,
    fits: NDArray[Any],
    scored: NDArray[Any],
    inner: bool,
    choices: Choices = PLAIN,
) -> EncodedFold:
    """Fit the encoding on the rows `fits`, and encode these and the rows `scored`.

    Both are masks or indices; `inner` keeps 15% of `fits` apart, the newest where rows are dated.
    """
    rest = sample.take(fits)
    plan = fit_plan(
        rest.columns, signature, style=framework.style, target=rest.target, choices=choices
    )
    train, valid = to_fit(rest.encode_training(plan, signature), plan, problem, choices), None
    if inner:
        held = _inner(rest, problem)
        train, valid = train.take(~held), train.take(held)
    return EncodedFold(train, valid, sample.take(scored).encode(plan))


def assign_folds(sample: Sample, problem: Problem) -> NDArray[np.int64]:
    """Return each row's fold: blocks of time, else whole groups, else stratified at random.

    Raises:
        DataError: there are fewer groups than folds, or the rows outside a fold have one class.
    """
    if sample.order is not None:
        fold = sample.order * FOLDS // len(sample.target)
    elif sample.groups is not None:
        fold = _deal_groups(sample.groups, _strata(sample, problem), problem)
    else:
        fold = _deal(_strata(sample, problem), problem)
    if problem.classes:
        _check_classes(fold, sample)
    return fold


def _deal(strata: NDArray[np.int64], problem: Problem) -> NDArray[np.int64]:
    """Deal the rows of each stratum to the folds, one after the other."""
    rng = np.random.default_rng(problem.seed)
    fold = np.empty(len(strata), dtype=np.int64)
    start = 0
    for stratum in range(max(problem.classes, 1)):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        fold[rows] = (np.arange(len(rows)) + start) % FOLDS
        start += len(rows)
    return fold


def _deal_groups(
    groups: NDArray[np.int64], strata: NDArray[np.int64], problem: Problem
) -> NDArray[np.int64]:
    """Deal groups by the class of their first row; large ones go where the fewest rows are."""
    _, first, member, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(sizes) < FOLDS:
        raise DataError(
            f"the training rows are of {len(sizes)} groups, {FOLDS} folds need at least {FOLDS}",
            hint="name a column with more groups in --split group:COLUMN",
        )
    if sizes.max() == 1:
        return _deal(strata, problem)
    fold = _deal(strata[first], problem)
    large = np.flatnonzero(sizes > 1)
    load = np.bincount(fold, np.where(sizes > 1, 0, sizes), minlength=FOLDS)
    for group in large[np.argsort(-sizes[large], kind="stable")]:
        fold[group] = load.argmin()
        load[fold[group]] += sizes[group]
    return np.asarray(fold[member])


def _check_classes(fold: NDArray[np.int64], sample: Sample) -> None:
    for number in range(FOLDS):
        if len(np.unique(sample.target[fold != number])) < 2:
            how = "in time" if sample.order is not None else "by group"
            raise DataError(
                f"without fold {number + 1} of {FOLDS} ({how}), the training rows have one class "
                "only",
                hint="give more rows, or divide them another way, with --split",
            )


def _inner(rest: Sample, problem: Problem) -> NDArray[np.bool_]:
    if rest.order is not None:
        return np.asarray(rest.order >= np.quantile(rest.order, 1 - _INNER))
    if rest.groups is not None:
        return whole_groups(rest.groups, share=_INNER, seed=problem.seed)
    return stratified(_strata(rest, problem), share=_INNER, seed=problem.seed)


def _strata(sample: Sample, problem: Problem) -> NDArray[np.int64]:
    if problem.classes:
        return sample.target.astype(np.int64)
    return np.zeros(len(sample.target), dtype=np.int64)
