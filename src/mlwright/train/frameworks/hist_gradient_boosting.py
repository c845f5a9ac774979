"""Gradient boosting on histograms by scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.core.backends import require
from mlwright.train.features import Style
from mlwright.train.frameworks import (
    FloatArray,
    Framework,
    Params,
    Problem,
    Rows,
    checked_params,
    cut_rounds,
    refused,
)
from mlwright.train.frameworks.boosting import own, threads, wants_small_trees
from mlwright.train.frameworks.estimator import FittedEstimator

_KNOWN: dict[str, type] = {
    "learning_rate": float,
    "max_depth": int,
    "max_leaf_nodes": int,
    "min_samples_leaf": int,
    "l2_regularization": float,
    "max_features": float,
    "max_bins": int,
    "rounds": int,
    "early_stopping_rounds": int,
}
_ALIASES = {
    "n_estimators": "rounds",
    "max_iter": "rounds",
    "num_leaves": "max_leaf_nodes",
    "reg_lambda": "l2_regularization",
    "min_data_in_leaf": "min_samples_leaf",
}
_DEFAULTS: Params = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "max_features": 0.5,
    "rounds": 1000,
    "early_stopping_rounds": 30,
}
_ROUNDS_AT_ONCE = 50
_ROWS_A_THREAD = 20_000


@dataclass(frozen=True, slots=True)
class HistGradientBoosting:
    """Boosted trees; the same rows and seed give the same trees."""

    style: Style = "trees"
    early_stops: bool = True
    monotone: bool = True

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return scikit-learn's own parameters, and `rounds`, the most trees a class."""
        defaults = dict(_DEFAULTS)
        defaults["min_samples_leaf"] = min(defaults["min_samples_leaf"], max(rows // 50, 2))
        if wants_small_trees(problem, rows):
            defaults["max_leaf_nodes"] = 7
        found = checked_params(
            given,
            defaults,
            known=_KNOWN,
            algorithm="hist_gradient_boosting",
            aliases=_ALIASES,
        )
        if found.get("max_depth") == -1:  # LightGBM's word for no limit
            del found["max_depth"]
        return found

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedEstimator:
        """Boost until `valid` no longer gains, or for exactly `rounds`."""
        try:
            return _boost(problem, train, params, valid, rounds)
        except ValueError as exc:
            raise refused("hist_gradient_boosting", exc) from exc


def _boost(
    problem: Problem, train: Rows, params: Params, valid: Rows | None, rounds: int | None
) -> FittedEstimator:
    most = rounds or int(params["rounds"])
    model = _model(problem, train, params, stops=valid is not None)
    valid_args = {}
    if valid is not None:
        valid_args = {"X_val": valid.matrix, "y_val": valid.target}
        if valid.weights is not None:
            valid_args["sample_weight_val"] = valid.weights
    step = most if problem.deadline is None else _ROUNDS_AT_ONCE
    limits = require("threadpoolctl", extra="train", needed_by="this model").threadpool_limits
    most_threads = threads(train, rows_a_thread=_ROWS_A_THREAD)
    done, asked = 0, 0
    while asked < most and done == asked and not (done and problem.late()):
        asked = min(asked + step, most)
        model.set_params(max_iter=asked)
        with warnings.catch_warnings(), limits(most_threads, user_api="openmp"):
            warnings.simplefilter("ignore")
            model.fit(train.matrix, train.target, sample_weight=train.weights, **valid_args)
        done = model.n_iter_
    cut = cut_rounds(problem, done, most) if done == asked else ""
    kept = done
    if valid is not None:  # the first score is that of no round at all
        kept = max(int(np.argmax(model.validation_score_)), 1)
        model._predictors = model._predictors[:kept]
    model.set_params(warm_start=False)
    gains = _gains(model, train.matrix.shape[1])
    estimator = Estimator(model, problem.task, problem.classes)
    return FittedEstimator(estimator, train.matrix[:1], kept, cut, gains)


def _model(problem: Problem, train: Rows, params: Params, *, stops: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    regression = problem.task == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(
        **own(params),
        n_iter_no_change=int(params["early_stopping_rounds"]),
        early_stopping=stops,
        tol=0.0,
        monotonic_cst=list(train.monotone) if any(train.monotone) else None,
        categorical_features=None,
        random_state=problem.seed,
        warm_start=True,
    )


def _gains(model: Any, features: int) -> FloatArray:
    """Return the loss that the splits on each feature saved."""
    found = np.zeros(features)
    for stage in model._predictors:
        for tree in stage:
            inner = tree.nodes[tree.nodes["is_leaf"] == 0]
            np.add.at(found, inner["feature_idx"], np.maximum(inner["gain"], 0.0))
    return found


FRAMEWORK: Framework = HistGradientBoosting()
