"""The tests that every training framework passes.

Subclass, override the fixture `framework`, and run pytest.
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.core.errors import ConfigError
from mlwright.core.signature import TASKS, Task
from mlwright.stats.metrics import losses
from mlwright.train.frameworks import Fitted, Framework, Problem, Rows

from .contract import Contract

_ROWS = 400


def make_rows(task: Task, *, seed: int = 0, rows: int = _ROWS) -> Rows:
    """Return rows (rows, 3) whose first feature says much, the second little, the third nothing."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 3))
    signal = 2 * matrix[:, 0] + 0.5 * matrix[:, 1] + rng.normal(size=rows)
    if task == "regression":
        return Rows(matrix, signal)
    cuts = [0.0] if task == "binary" else [-1.0, 1.0]
    return Rows(matrix, np.digitize(signal, cuts))


def problem_of(task: Task, *, seed: int = 0) -> Problem:
    """Return the problem that `make_rows` poses."""
    return Problem(task, {"binary": 2, "multiclass": 3, "regression": 0}[task], seed)


class FrameworkContract(Contract):
    """What a framework owes: scores of the agreed shape, equal for equal input, as data.

    A framework whose matrix is not of plain numbers overrides `rows` and `problem`.
    """

    given: ClassVar[Mapping[str, Any]] = {}
    """Parameters that it is fitted with."""

    rounds: ClassVar[int] = 60
    """How many rounds are run, of a framework that counts them."""

    rtol: ClassVar[float] = 1e-9
    """How near the source's scores come to the fitted model's."""

    def rows(self, task: Task, *, seed: int = 0, rows: int = _ROWS) -> Rows:
        """Return rows to learn from, made as `make_rows` makes them."""
        return make_rows(task, seed=seed, rows=rows)

    def problem(self, task: Task) -> Problem:
        """Return the problem that the rows pose."""
        return problem_of(task)

    def fit(self, framework: Framework, task: Task, rows: Rows) -> Fitted:
        """Fit on the rows, for `rounds` rounds where the framework counts them."""
        problem = self.problem(task)
        params = framework.params(self.given, problem=problem, rows=len(rows.target))
        rounds = self.rounds if framework.early_stops else None
        return framework.fit(problem, rows, params=params, rounds=rounds)

    @pytest.fixture
    def framework(self) -> Framework:
        """Return the framework under test."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture(params=TASKS)
    def task(self, request: pytest.FixtureRequest) -> Task:
        """Return each task in turn."""
        found: Task = request.param
        return found

    @pytest.fixture
    def fitted(self, framework: Framework, task: Task) -> Fitted:
        """Return the framework's model of the task."""
        return self.fit(framework, task, self.rows(task))

    def test_scores_have_the_agreed_shape(self, fitted: Fitted, task: Task) -> None:
        """Probabilities of the positive class, of each class, or values."""
        scores = fitted.scores(self.rows(task, seed=1, rows=7).matrix)
        assert scores.dtype == np.float64
        assert scores.shape == ((7, 3) if task == "multiclass" else (7,))
        assert np.isfinite(scores).all()
        if task != "regression":
            assert ((scores >= 0) & (scores <= 1)).all()
        if task == "multiclass":
            assert np.allclose(scores.sum(axis=1), 1)

    def test_it_learns(self, fitted: Fitted, task: Task) -> None:
        """On fresh rows its loss is below that of the share of each class, or of the mean."""
        train, fresh = self.rows(task), self.rows(task, seed=1)
        if task == "regression":
            constant = np.full(_ROWS, train.target.mean())
        else:
            shares = np.bincount(train.target) / _ROWS
            constant = (
                np.full(_ROWS, shares[1]) if task == "binary" else np.tile(shares, (_ROWS, 1))
            )
        found = losses(task, fresh.target, fitted.scores(fresh.matrix)).mean()
        assert found < 0.9 * losses(task, fresh.target, constant).mean()

    def test_equal_input_gives_an_equal_model(self, framework: Framework, task: Task) -> None:
        """Fitting twice gives the same source, to the byte."""
        first, second = (self.fit(framework, task, self.rows(task)) for _ in range(2))
        assert first.source().data == second.source().data

    def test_rows_of_no_weight_say_nothing(self, framework: Framework, task: Task) -> None:
        """Rows of weight 0, all with the highest target, move the scores hardly at all."""
        rows, other = self.rows(task), self.rows(task, seed=2)
        both = Rows(
            np.vstack([rows.matrix, other.matrix]),
            np.concatenate([rows.target, np.full_like(other.target, rows.target.max())]),
            np.repeat([1.0, 0.0], _ROWS),
        )
        matrix = self.rows(task, seed=3).matrix
        plain = self.fit(framework, task, rows).scores(matrix)
        gap = np.abs(plain - self.fit(framework, task, both).scores(matrix)).mean()
        assert gap < max(0.1 * plain.std(), 0.01)

    def test_importance_finds_the_signal(self, fitted: Fitted) -> None:
        """One number a feature, none negative, the telling one largest."""
        importance = fitted.importance()
        assert importance.shape == (3,)
        assert (importance >= 0).all()
        assert importance[0] > importance[1:].max()

    def test_source_is_data(self, fitted: Fitted) -> None:
        """What is handed over is a file that a runtime reads, and scores as the fitted one does."""
        source = fitted.source()
        runtime = RUNTIMES.load(source.runtime)(source.data)
        matrix = self.rows("binary", seed=1, rows=7).matrix
        np.testing.assert_allclose(runtime.scores(matrix), fitted.scores(matrix), rtol=self.rtol)
        assert source.packages

    def test_the_bundle_agrees(self, fitted: Fitted, task: Task) -> None:
        """The compiled model scores fresh rows as the fitted one does."""
        from mlwright.bundle.compile import compiled
        from mlwright.core.signature import Column, Signature

        names = ("a", "b", "c")
        classes = {"binary": ("n", "y"), "multiclass": ("x", "y", "z"), "regression": ()}[task]
        signature = Signature(tuple(Column(name, "number") for name in names), task, "t", classes)
        plan = Plan(tuple(NumberStep(name) for name in names))
        matrix = self.rows(task, seed=1).matrix
        columns = dict(zip(names, matrix.T, strict=True))
        threshold = 0.5 if task == "binary" else None
        outcome = compiled(fitted.source(), plan, columns, signature, threshold=threshold)
        np.testing.assert_allclose(outcome.model.scores(matrix), fitted.scores(matrix), atol=1e-5)

    def test_unknown_parameters_are_refused(self, framework: Framework) -> None:
        """A misspelt parameter is an error with the list of those that exist."""
        with pytest.raises(ConfigError, match="has no parameter 'lernrate'") as caught:
            framework.params({"lernrate": 1}, problem=self.problem("binary"), rows=_ROWS)
        assert caught.value.hint

    def test_a_class_missing_from_the_rows(self, framework: Framework) -> None:
        """A fold without the rarest class still gives every class a probability."""
        rows = self.rows("multiclass")
        fitted = self.fit(framework, "multiclass", rows.take(rows.target != 2))
        scores = fitted.scores(rows.matrix)
        assert scores.shape == (_ROWS, 3)
        assert scores[:, 2].max() < 0.05

    def test_early_stopping(self, framework: Framework) -> None:
        """A framework that stops early counts its rounds, and runs as many as it is told."""
        problem = self.problem("binary")
        params = framework.params(self.given, problem=problem, rows=_ROWS)
        valid = self.rows("binary", seed=1)
        stopped = framework.fit(problem, self.rows("binary"), params=params, valid=valid)
        if not framework.early_stops:
            assert stopped.rounds is None
            return
        assert stopped.rounds is not None
        assert 0 < stopped.rounds < params["rounds"]
        told = framework.fit(problem, self.rows("binary"), params=params, rounds=3)
        assert told.rounds == 3
        assert told.cut == ""

    def test_it_ends_at_a_deadline(self, framework: Framework, task: Task) -> None:
        """With no time at all there is still a model, and it says what was left out."""
        problem = replace(self.problem(task), deadline=time.monotonic())
        params = framework.params(self.given, problem=problem, rows=4 * _ROWS)
        fitted = framework.fit(problem, self.rows(task, rows=4 * _ROWS), params=params)
        assert np.isfinite(fitted.scores(self.rows(task, seed=1, rows=7).matrix)).all()
        assert fitted.cut

    def test_directions_are_kept(self, framework: Framework) -> None:
        """Where a framework keeps to directions, no score goes against one."""
        if not framework.monotone:
            return
        rows = replace(self.rows("binary"), monotone=(-1, 0, 0))
        fitted = self.fit(framework, "binary", rows)
        grid = np.repeat(self.rows("binary", seed=1, rows=20).matrix, 30, axis=0)
        grid[:, 0] = np.tile(np.linspace(-3, 3, 30), 20)
        steps = np.diff(fitted.scores(grid).reshape(20, 30), axis=1)
        assert (steps <= 1e-12).all()
