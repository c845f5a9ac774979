"""The tests that every runtime passes.

Subclass, override the fixture `case`, and run pytest.
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from mlwright.bundle.runtimes import Loader, Runtime
from mlwright.core.errors import BundleError
from mlwright.core.signature import Task

from .contract import Contract


@dataclass(frozen=True, slots=True)
class RuntimeCase:
    """A model's file, and rows to score: 20 or more, without nulls, not all of one score."""

    load: Loader
    data: bytes
    task: Task
    classes: int
    matrix: NDArray[np.float64]


class RuntimeContract(Contract):
    """What a runtime owes: scores by the conventions, the same ones for the same rows."""

    @pytest.fixture
    def case(self) -> RuntimeCase:
        """Return a model and rows for it."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def runtime(self, case: RuntimeCase) -> Runtime:
        """Return the loaded model."""
        return case.load(case.data)

    def test_scores_have_the_shape_of_the_task(self, case: RuntimeCase, runtime: Runtime) -> None:
        """One number a row, or one a class where there are more than two classes."""
        scores = runtime.scores(case.matrix)
        rows = len(case.matrix)
        assert scores.shape == ((rows, case.classes) if case.task == "multiclass" else (rows,))
        assert scores.dtype == np.float64
        assert np.ptp(scores, axis=0).min() > 0

    def test_probabilities_are_probabilities(self, case: RuntimeCase, runtime: Runtime) -> None:
        """Scores of a classifier lie between 0 and 1, and add up to 1 over more than two."""
        scores = runtime.scores(case.matrix)
        if case.task != "regression":
            assert scores.min() >= 0
            assert scores.max() <= 1
        if case.task == "multiclass":
            assert scores.sum(axis=1) == pytest.approx(np.ones(len(scores)), abs=1e-9)

    def test_a_row_alone_scores_as_among_others(self, case: RuntimeCase, runtime: Runtime) -> None:
        """What the server answers is what a batch says."""
        together = runtime.scores(case.matrix)
        alone = [runtime.scores(case.matrix[i : i + 1])[0] for i in range(len(case.matrix))]
        assert np.array(alone) == pytest.approx(together, abs=1e-12)

    def test_scoring_leaves_nothing_behind(self, case: RuntimeCase, runtime: Runtime) -> None:
        """The matrix is not changed, and a second call gives the same to the bit."""
        matrix = case.matrix.copy()
        first = runtime.scores(matrix)
        assert np.array_equal(matrix, case.matrix)
        assert np.array_equal(runtime.scores(matrix), first)

    def test_no_rows_score_as_no_rows(self, case: RuntimeCase, runtime: Runtime) -> None:
        """An empty matrix is no error."""
        scores = runtime.scores(case.matrix[:0])
        assert scores.shape == ((0, case.classes) if case.task == "multiclass" else (0,))

    def test_nulls_are_scored(self, case: RuntimeCase, runtime: Runtime) -> None:
        """A NaN is no error; what it scores is the model's affair."""
        assert len(runtime.scores(np.full_like(case.matrix, np.nan))) == len(case.matrix)

    def test_threads_may_share_it(self, case: RuntimeCase, runtime: Runtime) -> None:
        """Calls at the same time do not disturb each other."""
        expected = runtime.scores(case.matrix)
        with ThreadPoolExecutor(4) as pool:
            for scores in pool.map(lambda _: runtime.scores(case.matrix), range(20)):
                assert np.array_equal(scores, expected)

    @pytest.mark.parametrize("data", [b"", b"{}", b"\x00\xff", b"tree\n"])
    def test_a_file_that_is_no_model_is_refused(self, case: RuntimeCase, data: bytes) -> None:
        """Whatever the vendor raises becomes `BundleError`, with a hint."""
        with pytest.raises(BundleError) as caught:
            case.load(data)
        assert caught.value.hint
