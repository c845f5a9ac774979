from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from mlwright.testing.framework import FrameworkContract
from mlwright.testing.tiny_transformer import FIRST_WORD
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


@pytest.mark.heavy
class TestKeras(FrameworkContract):
    @pytest.fixture
    def framework(self):
        pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
        return FRAMEWORKS.load("keras")


@pytest.mark.heavy
class TestTransformer(FrameworkContract):
    given: ClassVar[dict[str, float]] = {
        "learning_rate": 0.005,
        "batch": 32,
        "rounds": 16,
        "warmup": 0.02,
    }
    rounds = 6
    rtol = 1e-4
    known_gaps: ClassVar[dict[str, str]] = {
        "test_the_bundle_agrees": "the suite's bundle gives numbers, and it reads tokens of texts",
    }

    @pytest.fixture
    def framework(self, tiny_transformer):
        self.folder = tiny_transformer
        return FRAMEWORKS.load("transformer")

    def problem(self, task):
        return replace(super().problem(task), base=str(self.folder))

    def rows(self, task, *, seed=0, rows=400):
        """Each number becomes one of 20 words, which are other ones for each feature."""
        made = super().rows(task, seed=seed, rows=rows)
        words = np.clip(np.round(made.matrix * 2.5) + 10, 0, 19) + 20 * np.arange(3)
        return replace(made, matrix=FIRST_WORD + words)


def test_every_framework_runs_the_suite():
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == {name.replace("_", "") for name in FRAMEWORKS.names()}
