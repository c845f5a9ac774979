"""Gradient boosting by XGBoost, with defaults for tables of a few thousand rows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from mlwright.bundle.runtimes.xgboost import Booster
from mlwright.bundle.sources import FileSource
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

_OBJECTIVES = {
    "binary": "binary:logistic",
    "multiclass": "multi:softprob",
    "regression": "reg:squarederror",
}
_LOSSES = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}

_KNOWN: dict[str, type] = {
    "learning_rate": float,
    "max_depth": int,
    "max_leaves": int,
    "min_child_weight": float,
    "gamma": float,
    "reg_alpha": float,
    "reg_lambda": float,
    "subsample": float,
    "colsample_bytree": float,
    "colsample_bylevel": float,
    "colsample_bynode": float,
    "max_bin": int,
    "scale_pos_weight": float,
    "rounds": int,
    "early_stopping_rounds": int,
}
_ALIASES = {
    "n_estimators": "rounds",
    "num_boost_round": "rounds",
    "eta": "learning_rate",
    "alpha": "reg_alpha",
    "lambda": "reg_lambda",
    "min_split_loss": "gamma",
}

# As for LightGBM: a small step, small trees, and other rows and columns a tree.
_DEFAULTS: Params = {
    "learning_rate": 0.03,
    "max_depth": 5,
    "min_child_weight": 5.0,
    "subsample": 0.7,
    "colsample_bynode": 0.5,
    "rounds": 2000,
    "early_stopping_rounds": 50,
}
_ROWS_A_THREAD = 100_000


@dataclass(frozen=True, slots=True)
class FittedXGBoost:
    """A booster, cut to the rounds that it was found to need."""

    booster: Any
    classes: int
    rounds: int | None
    cut: str = ""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        return Booster(self.booster.handle, self.classes).scores(matrix)

    def importance(self) -> FloatArray:
        """Return the loss that the splits on each feature saved."""
        gains = self.booster.get_score(importance_type="total_gain")
        return np.array([gains.get(f"f{i}", 0.0) for i in range(self.booster.num_features())])

    def source(self) -> FileSource:
        """Return the booster in XGBoost's own format."""
        data = bytes(self.booster.save_raw("json"))
        return FileSource("xgboost", "model.xgboost.json", data, ("numpy", "xgboost"))


@dataclass(frozen=True, slots=True)
class XGBoost:
    """Boosted trees on histograms."""

    style: Style = "trees"
    early_stops: bool = True
    monotone: bool = True

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return XGBoost's own parameters, and `rounds`, the most trees a class."""
        defaults = dict(_DEFAULTS)
        if wants_small_trees(problem, rows):
            defaults["max_depth"] = 3
        defaults["min_child_weight"] = min(defaults["min_child_weight"], max(rows / 500, 0.1))
        return checked_params(given, defaults, known=_KNOWN, algorithm="xgboost", aliases=_ALIASES)

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedXGBoost:
        """Boost until `valid` no longer gains, or for exactly `rounds`."""
        try:
            return _boost(problem, train, params, valid, rounds)
        except xgboost.core.XGBoostError as exc:
            raise refused("xgboost", _reason(exc)) from exc


def _boost(
    problem: Problem, train: Rows, params: Params, valid: Rows | None, rounds: int | None
) -> FittedXGBoost:
    settings = _settings(problem, params, train)
    most = rounds or int(params["rounds"])
    parts, stops = [], []
    data = _matrix(train, settings)
    if valid is not None:
        parts.append((_matrix(valid, settings, data), "valid"))
        patience = int(params["early_stopping_rounds"])
        stops.append(xgboost.callback.EarlyStopping(rounds=patience))
    if problem.deadline is not None:  # last: a callback that stops is the last one called
        stops.append(_AtDeadline(problem))
    booster = xgboost.train(settings, data, most, evals=parts, callbacks=stops, verbose_eval=False)
    cut = cut_rounds(problem, booster.num_boosted_rounds(), most)
    kept = booster.best_iteration + 1 if valid is not None else booster.num_boosted_rounds()
    booster = booster[:kept]
    booster.set_attr(best_iteration=None, best_score=None)
    classes = problem.classes if problem.task == "multiclass" else 0
    return FittedXGBoost(booster, classes, kept, cut)


class _AtDeadline(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._problem = problem

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return self._problem.late()


def _matrix(rows: Rows, settings: Params, reference: Any = None) -> Any:
    """Return the rows in bins, built once for each thread."""
    bins = settings.get("max_bin", 256)
    key = ("xgboost", threading.get_ident(), bins)
    if key not in rows.made:
        rows.made[key] = xgboost.QuantileDMatrix(
            rows.matrix.astype(np.float32),
            rows.target,
            weight=rows.weights,
            ref=reference,
            nthread=settings["nthread"],
            max_bin=bins,
        )
    return rows.made[key]


def _settings(problem: Problem, params: Params, train: Rows) -> Params:
    settings = own(params)
    if problem.task == "multiclass":
        settings["num_class"] = problem.classes
    if any(train.monotone):
        settings["monotone_constraints"] = tuple(train.monotone)
    return {
        **settings,
        "objective": _OBJECTIVES[problem.task],
        "eval_metric": _LOSSES[problem.task],
        "tree_method": "hist",
        "seed": problem.seed,
        "nthread": threads(train, rows_a_thread=_ROWS_A_THREAD),
        "verbosity": 0,
    }


def _reason(exc: Exception) -> str:
    """Return what XGBoost says, without its file names and its stack."""
    lines = [line for line in str(exc).splitlines() if line.strip()]
    return lines[0].rpartition(": ")[2] if lines else "it does not say why"


FRAMEWORK: Framework = XGBoost()
