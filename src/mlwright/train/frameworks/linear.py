"""Logistic and ridge regression by scikit-learn: the baseline that is hard to beat."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.bundle.sources import LinearSource
from mlwright.core.errors import ConfigError
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows, checked_params
from mlwright.train.frameworks.growing import on_growing_rows

_NEVER = -30.0
"""The log-odds of a class that the training rows do not hold."""

_WIDE = 500
_DENSE = 0.1


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """A linear model and the spread of its features, which makes coefficients comparable."""

    model: LinearSource
    spread: FloatArray
    rounds: int | None = None
    cut: str = ""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        sums = matrix @ np.asarray(self.model.coefficients).T + self.model.intercept
        if self.model.link == "identity":
            return np.asarray(sums)
        if self.model.link == "logistic":
            return np.asarray(1 / (1 + np.exp(-np.clip(sums, -700, 700))))
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def importance(self) -> FloatArray:
        """Return each coefficient's size times the spread of its feature."""
        sizes = np.abs(np.atleast_2d(self.model.coefficients)).mean(axis=0)
        return np.asarray(sizes * self.spread)

    def source(self) -> LinearSource:
        """Return coefficients, intercept and link."""
        return self.model


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression for classes, ridge regression for numbers."""

    style: Style = "linear"
    early_stops: bool = False
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return the penalty: the weight of the coefficients' squares."""
        params = checked_params(
            given, {"penalty": 1.0}, known={"penalty": float}, algorithm="linear"
        )
        if params["penalty"] <= 0:
            raise ConfigError("linear's parameter 'penalty' must be above 0", hint="leave it at 1")
        return params

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedLinear:
        """Fit on all of `train`, or on as much of it as the deadline allows."""
        fit = _ridge if problem.task == "regression" else _logistic
        source, cut = on_growing_rows(
            problem, train, lambda rows: fit(problem, rows, params["penalty"])
        )
        return FittedLinear(source, train.matrix.std(axis=0), cut=cut)


def _ridge(problem: Problem, train: Rows, penalty: float) -> LinearSource:  # noqa: ARG001
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty)
    model.fit(_compact(train.matrix), train.target, sample_weight=train.weights)
    return LinearSource(np.asarray(model.coef_, np.float64), float(model.intercept_), "identity")


def _logistic(problem: Problem, train: Rows, penalty: float) -> LinearSource:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / penalty, max_iter=1000)
    with warnings.catch_warnings():
        # A fit that stops at its limit of steps is still the baseline it is meant to be.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_compact(train.matrix), train.target, sample_weight=train.weights)
    coefficients, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    if problem.task == "binary":
        return LinearSource(coefficients[0], float(intercept[0]), "logistic")
    if len(model.classes_) == 2:  # scikit-learn then keeps one row, for the second class
        coefficients, intercept = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.array([-intercept[0], intercept[0]]) / 2,
        )
    whole = np.zeros((problem.classes, train.matrix.shape[1]))
    base = np.full(problem.classes, _NEVER)
    whole[model.classes_], base[model.classes_] = coefficients, intercept
    return LinearSource(whole, base, "softmax")


def _compact(matrix: FloatArray) -> Any:
    """Return a wide matrix of mostly zeros, as texts make it, in the form that skips them."""
    if matrix.shape[1] < _WIDE or np.count_nonzero(matrix) > _DENSE * matrix.size:
        return matrix
    from scipy.sparse import csr_array

    return csr_array(matrix)


FRAMEWORK: Framework = Linear()
