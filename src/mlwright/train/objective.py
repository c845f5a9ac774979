"""The score of a set of parameters: its mean metric over folds that are encoded once.

No score is optimistic by the way it is made. The rows that are scored neither fit the model, nor
its encoding, nor decide when it stops, nor where its threshold lies: an inner part of each fold's
own training rows does the last two (`folds.encode_fold`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.errors import ConfigError, DataError, did_you_mean
from mlwright.core.signature import Signature, Task
from mlwright.stats.metrics import HIGHER_IS_BETTER, measure, metric_names
from mlwright.train.choices import PLAIN, Choices
from mlwright.train.divide import Division
from mlwright.train.folds import EncodedFold, Sample, encode_fold
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem
from mlwright.train.threshold import choose_threshold

DEFAULT_METRIC: Mapping[Task, str] = {"binary": "auc", "multiclass": "log_loss", "regression": "r2"}
_DECIDED = ("accuracy", "precision", "recall", "f1")

GoOn = Callable[[Sequence[float]], bool]
"""Told the metric on the folds done so far: whether the next fold is worth its time."""


@dataclass(frozen=True, slots=True)
class Score:
    """A metric on each fold that was run, in their order, and what it took.

    `late` where the deadline cut a fit short: what that one would have scored is not known.
    """

    values: tuple[float, ...]
    whole: bool
    rounds: tuple[int, ...]
    cpu_seconds: float
    late: bool = False

    @property
    def mean(self) -> float:
        """Return the mean over the folds that were run."""
        return float(np.mean(self.values))


@dataclass(frozen=True, slots=True)
class _Known:
    """What parameters scored on a fold; `rounds` is the best one of those that were run."""

    fold: int
    params: Params
    value: float
    rounds: int | None

    def same(self, params: Params) -> bool:
        """Tell whether other parameters fit the same model: at most their limit of rounds differs.

        Neither limit matters where both leave the rounds in which no gain came.
        """
        if params == self.params:
            return True
        patience = self.params.get("early_stopping_rounds")
        if patience is None or self.rounds is None or "rounds" not in params:
            return False
        limits = self.params["rounds"], params["rounds"]
        return {**params, "rounds": limits[0]} == self.params and (
            min(limits) > self.rounds + patience
        )


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """Encoded folds, and how parameters are scored on them; may be called by several threads."""

    framework: Framework
    problem: Problem
    metric: str
    folds: tuple[EncodedFold, ...]
    threshold: str = "f1"
    known: list[_Known] = field(default_factory=list, repr=False)

    @property
    def higher_is_better(self) -> bool:
        """Tell which way the metric goes."""
        return HIGHER_IS_BETTER[self.metric]

    def score(
        self, params: Params, *, go_on: GoOn = lambda _: True, deadline: float | None = None
    ) -> Score:
        """Fit and score fold by fold, as long as `go_on` says so.

        At `deadline`, on the monotonic clock, a fit under way ends, and is not scored.

        Raises:
            ConfigError: the library refuses a parameter's value.
            DataError: the metric does not exist on a fold.
        """
        started = time.thread_time()
        values: list[float] = []
        rounds: list[int] = []
        problem, late = replace(self.problem, deadline=deadline), False
        for number, fold in enumerate(self.folds):
            if values and not go_on(values):
                break
            found = self._known(number, params) or self._fold(number, fold, params, problem)
            if found is None:
                late = True
                break
            value, count = found
            values.append(value)
            rounds += [] if count is None else [count]
        spent = time.thread_time() - started
        whole = len(values) == len(self.folds)
        return Score(tuple(values), whole, tuple(rounds), spent, late)

    def _known(self, number: int, params: Params) -> tuple[float, int | None] | None:
        """Return what a fit on this fold gave that would be the same to the bit, if there was one.

        Searches among few values come back to a point, or differ in a limit that is not reached.
        """
        same = (known for known in self.known if known.fold == number and known.same(params))
        return next(((known.value, known.rounds) for known in same), None)

    def _fold(
        self, number: int, fold: EncodedFold, params: Params, problem: Problem
    ) -> tuple[float, int | None] | None:
        valid = fold.valid if self.framework.early_stops else None
        fitted = self.framework.fit(problem, fold.train, params=params, valid=valid)
        if fitted.cut:
            return None
        scores = self._plain(fitted.scores(fold.scored.matrix))
        decided = self._decide(scores, lambda m: self._plain(fitted.scores(m)), fold)
        found = measure(self.problem.task, fold.scored.target, decided, scores)
        if self.metric not in found:
            raise DataError(
                f"{self.metric} does not exist on fold {number + 1}: none of its rows was "
                "predicted to be positive",
                hint="use another --optimization-metric, such as f1",
            )
        self.known.append(_Known(number, params, found[self.metric], fitted.rounds))
        return found[self.metric], fitted.rounds

    def _plain(self, scores: FloatArray) -> FloatArray:
        return scores if self.problem.task == "regression" else np.clip(scores, 0.0, 1.0)

    def _decide(
        self, scores: FloatArray, score: Callable[[FloatArray], FloatArray], fold: EncodedFold
    ) -> NDArray[Any]:
        if self.problem.task == "multiclass":
            return np.asarray(scores.argmax(axis=1))
        if self.problem.task == "regression":
            return scores
        cut = 0.5
        if self.metric in _DECIDED and fold.valid is not None and 0 < fold.valid.target.mean() < 1:
            inner = score(fold.valid.matrix)
            cut = choose_threshold(
                self.threshold, fold.valid.target, inner, weights=fold.valid.weights
            )
        return (scores >= cut).astype(np.int64)


def make_objective(
    framework: Framework,
    problem: Problem,
    signature: Signature,
    sample: Sample,
    *,
    metric: str,
    division: Division,
    choices: Choices = PLAIN,
) -> Objective:
    """Encode every fold once; trials share the matrices."""
    inner = framework.early_stops or (problem.task == "binary" and metric in _DECIDED)
    folds = tuple(
        encode_fold(
            framework,
            problem,
            signature,
            sample,
            fits=fits,
            scored=scored,
            inner=inner,
            choices=choices,
        )
        for fits, scored in division.folds
    )
    return Objective(framework, problem, metric, folds, choices.threshold)


def checked_metric(metric: str | None, task: Task) -> str:
    """Return the metric to search by: the task's own when none is named.

    Raises:
        ConfigError: there is no such metric, or not for this task.

    >>> checked_metric(None, "binary")
    'auc'
    """
    chosen = metric or DEFAULT_METRIC[task]
    names = metric_names(task)
    if chosen in names:
        return chosen
    reason = f"does not fit a {task} task" if chosen in HIGHER_IS_BETTER else "is not a metric"
    raise ConfigError(
        f"the optimization metric {chosen!r} {reason}{did_you_mean(chosen, names)}",
        hint=f"use one of: {', '.join(names)}",
    )
