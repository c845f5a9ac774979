"""Random forests by scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.train.features import Style
from mlwright.train.frameworks import Framework, Params, Problem, Rows, checked_params, refused
from mlwright.train.frameworks.estimator import FittedEstimator, fit_weighted

_KNOWN: dict[str, type] = {
    "n_estimators": int,
    "max_depth": int,
    "min_samples_leaf": int,
    "min_samples_split": int,
    "max_features": float,
    "max_samples": float,
    "max_leaf_nodes": int,
}
# Leaves of several rows: their shares are better probabilities, and the model is a tenth the size.
_DEFAULTS: Params = {"n_estimators": 300, "min_samples_leaf": 5}
_TREES_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class RandomForest:
    """The mean of deep trees, each on a sample of the rows; equal on any number of threads."""

    style: Style = "trees"
    early_stops: bool = False
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return scikit-learn's own parameters; `rounds` stands for `n_estimators`."""
        few = {"min_samples_leaf": min(_DEFAULTS["min_samples_leaf"], max(rows // 100, 1))}
        found = checked_params(
            given,
            {**_DEFAULTS, **few},
            known=_KNOWN,
            algorithm="random_forest",
            aliases={"rounds": "n_estimators"},
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
        """Grow the trees, a few at a time when there is a deadline; the forest is the same."""
        try:
            return _grow(problem, train, params)
        except ValueError as exc:
            raise refused("random_forest", exc) from exc


def _grow(problem: Problem, train: Rows, params: Params) -> FittedEstimator:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if problem.task == "regression" else RandomForestClassifier
    most = params["n_estimators"]
    model = kind(**params, random_state=problem.seed, warm_start=True)
    step = most if problem.deadline is None else _TREES_AT_ONCE
    done = 0
    while done < most and not (done and problem.late()):
        done = min(done + step, most)
        model.set_params(n_estimators=done, n_jobs=os.cpu_count())
        fit_weighted(model, train)
    model.set_params(warm_start=False)
    cut = f"grew {done} of {most} trees" if done < most else ""
    return FittedEstimator(Estimator(model, problem.task, problem.classes), train.matrix, cut=cut)


FRAMEWORK: Framework = RandomForest()
