"""Scikit-learn's estimators by import path, and what every one of them needs here.

Only public classes below `sklearn.` are taken. Another package's estimator is made a framework by
that package, in the entry-point group `mlwright.frameworks`: an import path in a configuration
file must not be a way to run any code that happens to be installed.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.bundle.sources import FileSource
from mlwright.core.errors import ConfigError, UnknownBackend, did_you_mean
from mlwright.train.features import Style
from mlwright.train.frameworks import FloatArray, Framework, Params, Problem, Rows, refused
from mlwright.train.frameworks.growing import on_growing_rows
from mlwright.train.frameworks.shuffling import moved


@dataclass(frozen=True, slots=True, eq=False)
class FittedEstimator:
    """An estimator, and a few of its rows to find out what it looks at."""

    estimator: Estimator
    rows: FloatArray
    rounds: int | None = None
    cut: str = ""
    gains: FloatArray | None = None

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return P(positive) (n,), a probability a class (n, k), or the value (n,)."""
        return self.estimator.scores(matrix)

    def importance(self) -> FloatArray:
        """Return the estimator's own, or how far scores move when a feature is shuffled."""
        if self.gains is not None:
            return self.gains
        found = getattr(self.estimator.model, "feature_importances_", None)
        if found is not None:
            return np.asarray(found, np.float64)
        return moved(self.scores, self.rows)

    def source(self) -> FileSource:
        """Return the estimator as skops packs it."""
        packages = ("numpy", "scikit-learn", "skops")
        return FileSource("sklearn", "model.skops", self.estimator.pack(), packages)


@dataclass(frozen=True, slots=True)
class ByPath:
    """One of scikit-learn's estimators, on scaled and one-hot columns."""

    kind: type
    path: str
    style: Style = "linear"
    early_stops: bool = False
    monotone: bool = False

    def params(self, given: Mapping[str, Any], *, problem: Problem, rows: int) -> Params:
        """Return what was given; the rest is scikit-learn's default."""
        from sklearn.base import is_classifier, is_regressor

        fits = is_regressor if problem.task == "regression" else is_classifier
        if not fits(self.kind()):
            raise ConfigError(
                f"{self.path} cannot learn a {problem.task} target",
                hint="take a classifier for classes and a regressor for numbers",
            )
        known = sorted(set(self.kind().get_params()) - {"random_state"})
        for name in given:
            if name not in known:
                raise ConfigError(
                    f"{self.path} has no parameter {name!r}{did_you_mean(name, known)}",
                    hint=f"it takes: {', '.join(known) or 'none'}",
                )
        return dict(given)

    def fit(
        self,
        problem: Problem,
        train: Rows,
        *,
        params: Params,
        valid: Rows | None = None,
        rounds: int | None = None,
    ) -> FittedEstimator:
        """Fit on all of `train`, or on as much of it as the deadline allows."""
        try:
            model, cut = on_growing_rows(
                problem, train, lambda rows: fit_weighted(self._made(problem, params), rows)
            )
        except ConfigError:
            raise
        except (ValueError, TypeError) as exc:
            raise refused(self.path, exc) from exc
        estimator = Estimator(model, problem.task, problem.classes)
        return FittedEstimator(estimator, train.matrix, cut=cut)

    def _made(self, problem: Problem, params: Params) -> Any:
        model = self.kind(**params)
        if "random_state" in model.get_params():
            model.set_params(random_state=problem.seed)
        if problem.task == "regression" or hasattr(model, "predict_proba"):
            return model
        from sklearn.calibration import CalibratedClassifierCV

        # What only decides is given probabilities (Platt 1999), fitted on folds of its own.
        return CalibratedClassifierCV(model, ensemble=False, cv=3)


def fit_weighted(model: Any, rows: Rows) -> Any:
    """Fit an estimator with the rows' weights; rows of no weight are left out.

    Raises:
        ConfigError: there are weights, and it takes none.
    """
    weights = rows.weights
    if weights is not None:
        rows, weights = rows.take(weights > 0), weights[weights > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a solver stopped at its limit is no error here
        if weights is None or (weights == weights[0]).all():
            model.fit(rows.matrix, rows.target)
        elif _takes_weights(model):
            model.fit(rows.matrix, rows.target, sample_weight=weights)
        else:
            raise ConfigError(
                f"{type(model).__name__} takes no row weights",
                hint="leave out the weights and class_weight, or choose another algorithm",
            )
    _one_thread(model)
    return model


def _takes_weights(model: Any) -> bool:
    inner = getattr(model, "estimator", None) or model
    return "sample_weight" in inspect.signature(inner.fit).parameters


def _one_thread(model: Any) -> None:
    """Let the model score on one thread, which adds up in one order."""
    threads = {name: None for name in model.get_params() if name.split("__")[-1] == "n_jobs"}
    if threads:
        model.set_params(**threads)


def by_path(path: str) -> Framework:
    """Return the framework of `sklearn.module.Estimator`.

    Raises:
        UnknownBackend: it is no public estimator of scikit-learn that predicts.
    """
    module, _, name = path.rpartition(".")
    parts = path.split(".")
    try:
        if any(part.startswith("_") or not part for part in parts):
            raise ImportError
        found = getattr(import_module(module), name, None)
    except ImportError:
        found = None
    from sklearn.base import BaseEstimator, is_classifier, is_regressor

    if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
        near = did_you_mean(name, _names(module))
        raise UnknownBackend(
            f"scikit-learn has no estimator {path!r}{near}", hint="for example sklearn.svm.SVC"
        )
    try:
        predicts = is_classifier(found()) or is_regressor(found())
    except TypeError:  # it is made of other estimators
        predicts = False
    if not predicts:
        raise UnknownBackend(
            f"{path} cannot be fitted on its own", hint="give a classifier or a regressor"
        )
    return ByPath(found, path)


def _names(module: str) -> list[str]:
    try:
        return [name for name in dir(import_module(module)) if name[0].isupper()]
    except ImportError:
        return []
