from typing import ClassVar

import pytest

from mlwright.testing.framework import FrameworkContract
from mlwright.train.frameworks import FRAMEWORKS


class TestDummy(FrameworkContract):
    known_gaps: ClassVar[dict[str, str]] = {
        "test_it_learns": "it is what learning is measured against",
        "test_importance_finds_the_signal": "it looks at no feature",
    }

    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("dummy")


class TestLinear(FrameworkContract):
    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("linear")


class TestLightGBM(FrameworkContract):
    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("lightgbm")


def test_every_framework_runs_the_suite():
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == set(FRAMEWORKS.names())
