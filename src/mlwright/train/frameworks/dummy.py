"""The model that knows only how often each answer occurs: what every other one must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.bundle.sources import LinearSource
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows, checked_params
from mlwright.train.frameworks.linear import FittedLinear


@dataclass(frozen=True, slots=True)
class Dummy:
    """Predicts the share of each class, or the mean."""

    style: Style = "constant"
    early_stops: bool = False
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return no parameters, for it takes none."""
        return checked_params(given, {}, known={}, algorithm="dummy")

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedLinear:
        """Count the target; a class that does not occur counts as half a row."""
        features = train.matrix.shape[1]
        if problem.task == "regression":
            mean = float(np.average(train.target, weights=train.weights))
            return _constant(LinearSource(np.zeros(features), mean, "identity"))
        logs = np.log(_counts(problem, train))
        if problem.task == "binary":
            return _constant(LinearSource(np.zeros(features), float(logs[1] - logs[0]), "logistic"))
        zeros = np.zeros((problem.classes, features))
        return _constant(LinearSource(zeros, logs - logs.mean(), "softmax"))


def _counts(problem: Problem, train: Rows) -> FloatArray:
    counts = np.bincount(train.target, train.weights, minlength=problem.classes)
    return np.maximum(counts.astype(np.float64), 0.5)


def _constant(source: LinearSource) -> FittedLinear:
    return FittedLinear(source, np.zeros(source.coefficients.shape[-1]))


FRAMEWORK: Framework = Dummy()
