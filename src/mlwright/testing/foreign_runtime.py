"""The tests that every foreign runtime passes.

Subclass, override the fixture `case`, and run pytest.
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mlwright.bundle.foreign import (
    Columns,
    Foreign,
    ForeignLoader,
    ForeignModel,
    ForeignRuntime,
)
from mlwright.core.errors import BundleError

from .contract import Contract


@dataclass(frozen=True, slots=True)
class ForeignCase:
    """A model's file with its signature, rows to score (20 or more), and their scores."""

    load: ForeignLoader
    foreign: Foreign
    columns: Columns
    expected: NDArray[np.float64]


class ForeignRuntimeContract(Contract):
    """What a foreign runtime owes: the scores of the model itself, by our conventions."""

    tolerance = 1e-6

    @pytest.fixture
    def case(self) -> ForeignCase:
        """Return a model and rows for it."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def runtime(self, case: ForeignCase) -> ForeignRuntime:
        """Return the loaded model."""
        return case.load(case.foreign)

    def test_scores_are_the_models_own(self, case: ForeignCase, runtime: ForeignRuntime) -> None:
        """What the library answers is what comes out, as float64."""
        scores = runtime.scores(case.columns)
        assert scores.dtype == np.float64
        assert scores == pytest.approx(case.expected, abs=self.tolerance)

    def test_a_row_alone_scores_as_among_others(
        self, case: ForeignCase, runtime: ForeignRuntime
    ) -> None:
        """What the server answers is what a batch says."""
        model = ForeignModel(case.foreign.signature, runtime)
        for place in (0, 7, 19):
            one = {name: values[place : place + 1] for name, values in case.columns.items()}
            assert model.scores(one)[0] == pytest.approx(case.expected[place], abs=self.tolerance)

    def test_scoring_leaves_nothing_behind(
        self, case: ForeignCase, runtime: ForeignRuntime
    ) -> None:
        """The columns are not changed, and a second call gives the same."""
        before = {name: values.copy() for name, values in case.columns.items()}
        first = runtime.scores(case.columns)
        assert all(np.array_equal(case.columns[name], before[name]) for name in before)
        assert np.array_equal(runtime.scores(case.columns), first)

    def test_threads_may_share_it(self, case: ForeignCase, runtime: ForeignRuntime) -> None:
        """Calls at the same time do not disturb each other."""
        with ThreadPoolExecutor(4) as pool:
            for scores in pool.map(lambda _: runtime.scores(case.columns), range(8)):
                assert scores == pytest.approx(case.expected, abs=self.tolerance)

    @pytest.mark.parametrize("data", [b"", b"{}", b"\x00\xff", b"PK\x03\x04"])
    def test_a_file_that_is_no_model_is_refused(self, case: ForeignCase, data: bytes) -> None:
        """Whatever the vendor raises becomes `BundleError`, with a hint."""
        with pytest.raises(BundleError) as caught:
            case.load(replace(case.foreign, data=data))
        assert caught.value.hint
