from typing import ClassVar

import pytest

from mlwright.testing.framework import FrameworkContract
from mlwright.train.frameworks import FRAMEWORKS


class TestDummy(FrameworkContract):
    known_gaps: ClassVar[dict[str, str]] = {
        "test_it_learns": "it is what learning is measured against",
        "test_importance_finds_the_signal": "it looks at no feature",
        "test_it_ends_at_a_deadline": "counting takes no time",
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


class TestXGBoost(FrameworkContract):
    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("xgboost")


class TestHistGradientBoosting(FrameworkContract):
    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("hist_gradient_boosting")


class TestRandomForest(FrameworkContract):
    @pytest.fixture
    def framework(self):
        return FRAMEWORKS.load("random_forest")


@pytest.mark.heavy
class TestNeuralNetwork(FrameworkContract):
    @pytest.fixture
    def framework(self):
        pytest.importorskip("torch", reason="PyTorch is not installed")
        return FRAMEWORKS.load("neural_network")


def test_every_framework_runs_the_suite():
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == {name.replace("_", "") for name in FRAMEWORKS.names()}
