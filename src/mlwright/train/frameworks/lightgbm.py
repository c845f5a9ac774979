"""Gradient boosting by LightGBM, with defaults for tables of a few thousand rows."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from mlwright.bundle.sources import LightGBMSource
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

_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}

_KNOWN: dict[str, type] = {
    "learning_rate": float,
    "num_leaves": int,
    "max_depth": int,
    "min_data_in_leaf": int,
    "min_sum_hessian_in_leaf": float,
    "min_gain_to_split": float,
    "lambda_l1": float,
    "lambda_l2": float,
    "feature_fraction": float,
    "feature_fraction_bynode": float,
    "bagging_fraction": float,
    "bagging_freq": int,
    "path_smooth": float,
    "extra_trees": bool,
    "max_bin": int,
    "scale_pos_weight": float,
    "rounds": int,
    "early_stopping_rounds": int,
}
_ALIASES = {
    "n_estimators": "rounds",
    "num_boost_round": "rounds",
    "eta": "learning_rate",
    "subsample": "bagging_fraction",
    "colsample_bytree": "feature_fraction",
    "colsample_bynode": "feature_fraction_bynode",
    "min_child_samples": "min_data_in_leaf",
    "min_child_weight": "min_sum_hessian_in_leaf",
    "reg_alpha": "lambda_l1",
    "reg_lambda": "lambda_l2",
}

# A small step, few leaves, and a different half of rows and columns a tree: chosen by out-of-fold
# loss on tables of 5,000 to 14,000 rows, not by a holdout.
_DEFAULTS: Params = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction_bynode": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "rounds": 2000,
    "early_stopping_rounds": 50,
}
_FEW_LEAVES = 7
_ROWS_A_THREAD = 100_000  # fewer threads lose little on a quiet machine and win much on a busy one


@dataclass(frozen=True, slots=True)
class FittedBooster:
    """A booster, and the rounds that it was found to need."""

    booster: Any
    rounds: int | None
    cut: str = ""

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        found = self.booster.predict(matrix, num_iteration=self.rounds)
        return np.asarray(found, dtype=np.float64)

    def importance(self) -> FloatArray:
        """Return the loss that the splits on each feature saved."""
        gains = self.booster.feature_importance("gain", iteration=self.rounds)
        return np.asarray(gains, dtype=np.float64)

    def source(self) -> LightGBMSource:
        """Return the booster's text, without the parameters, which name the machine's threads."""
        text = self.booster.model_to_string(num_iteration=self.rounds)
        pattern = r"\nparameters:\n.*?\nend of parameters\n"
        return LightGBMSource(re.sub(pattern, "\n", text, flags=re.DOTALL))


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Boosted trees; the same rows and seed give the same trees on any number of threads."""

    style: Style = "trees"
    early_stops: bool = True
    monotone: bool = True

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return LightGBM's own parameters, and `rounds`, the most trees a class."""
        defaults = dict(_DEFAULTS)
        # No leaf of 20 rows can be split off a table of 50.
        defaults["min_data_in_leaf"] = min(defaults["min_data_in_leaf"], max(rows // 50, 2))
        if wants_small_trees(problem, rows):
            defaults["num_leaves"] = _FEW_LEAVES
        return checked_params(given, defaults, known=_KNOWN, algorithm="lightgbm", aliases=_ALIASES)

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedBooster:
        """Boost until `valid` no longer gains, or for exactly `rounds`."""
        try:
            return _boost(problem, train, params, valid, rounds)
        except lightgbm.basic.LightGBMError as exc:
            raise refused("lightgbm", exc) from exc


def _boost(
    problem: Problem, train: Rows, params: Params, valid: Rows | None, rounds: int | None
) -> FittedBooster:
    settings = _settings(problem, params, train)
    data = _dataset(train, settings)
    most = rounds or int(params["rounds"])
    stops: list[Any] = [_at_deadline(problem)] if problem.deadline is not None else []
    parts = []
    if valid is not None:
        parts.append(_dataset(valid, settings, data))
        stops.append(lightgbm.early_stopping(int(params["early_stopping_rounds"]), verbose=False))
    booster = lightgbm.train(settings, data, most, valid_sets=parts, callbacks=stops)
    cut = cut_rounds(problem, booster.current_iteration(), most)
    return FittedBooster(booster, max(int(booster.best_iteration), 1) if stops else most, cut)


def _at_deadline(problem: Problem) -> Any:
    def stop(state: Any) -> None:
        if problem.late():
            raise lightgbm.callback.EarlyStopException(
                state.iteration, state.evaluation_result_list
            )

    return stop


def _dataset(rows: Rows, settings: Params, reference: Any = None) -> Any:
    """Return the rows in bins, built once for each thread: boosters write on what they fit."""
    key = ("lightgbm", threading.get_ident(), settings.get("max_bin"))
    if key not in rows.made:
        rows.made[key] = lightgbm.Dataset(
            rows.matrix, rows.target, weight=rows.weights, params=settings, reference=reference
        )
    return rows.made[key]


def _settings(problem: Problem, params: Params, train: Rows) -> Params:
    settings = own(params)
    if problem.task == "multiclass":
        settings["num_class"] = problem.classes
    if any(train.monotone):
        settings["monotone_constraints"] = list(train.monotone)
    return {
        **settings,
        "objective": _OBJECTIVES[problem.task],
        "seed": problem.seed,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,  # else a set in bins would not do for another leaf size
        "num_threads": threads(train, rows_a_thread=_ROWS_A_THREAD),
        "verbosity": -1,
    }


FRAMEWORK: Framework = LightGBM()
