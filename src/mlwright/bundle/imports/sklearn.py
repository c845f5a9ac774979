"""A scikit-learn estimator in skops's format, alone or behind fitted preprocessing.

Preprocessing that a plan can say becomes one, and the estimator behind it is compiled like any of
ours; if what comes out is not equal to the original on the reference's rows and on odd ones, or
there is no such plan, the original runs as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from mlwright.bundle import parity
from mlwright.bundle.foreign import Foreign
from mlwright.bundle.imports.asked import THRESHOLD, Asked, Incoming, settled
from mlwright.bundle.imports.pipeline import Translated, translated
from mlwright.bundle.odd_rows import made_up, odd
from mlwright.bundle.plan import Floats, Plan
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.runtimes.estimator import load
from mlwright.bundle.runtimes.estimator import read as read_file
from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.bundle.sources import FileSource, LinearSource, Source
from mlwright.bundle.trees import CannotCompile
from mlwright.core.errors import BundleError
from mlwright.core.signature import Label, Signature, Task
from mlwright.data.schema import columns

_PACKAGES = ("numpy", "scikit-learn", "scipy", "skops", "threadpoolctl")
_ROWS = 2000
_LINEAR = {
    "identity": {"LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet"}
    | {"ElasticNetCV", "BayesianRidge", "HuberRegressor", "SGDRegressor", "LinearSVR"},
    "logistic": {"LogisticRegression", "LogisticRegressionCV"},
}


def read(where: str, asked: Asked) -> Incoming:
    """Read an estimator.

    Raises:
        BundleError: it is none, holds types that are not trusted, or answers several numbers.
        ConfigError, DataError: see `settled`.
        MissingExtra: skops or scikit-learn is not installed.
    """
    data = Path(where).read_bytes()
    model = read_file(data, asked.trust)
    task, classes = _answers(model)
    try:
        plain = translated(model)
        reason = ""
    except CannotCompile as exc:
        plain, reason = None, str(exc)
    signature = settled(
        asked,
        names=[str(name) for name in getattr(model, "feature_names_in_", ())],
        count=getattr(model, "n_features_in_", None),
        kinds=None,
        nulls=_takes_nulls(model),
        only_where_null=plain is None,
        task=task,
        classes=classes,
    )
    if plain is not None:
        signature = _with_nulls(signature, plain.filled)
    original = load(Foreign(data, signature, {}, asked.trust))
    if plain is not None:
        try:
            plan, source = _said_here(plain, signature)
            reason = _difference(original, plan, source, asked, signature)
        except (CannotCompile, BundleError) as exc:
            reason = str(exc)
        if not reason:
            return Incoming(type(plain.model).__name__, signature, plan, source)
    kept = FileSource("estimator", "model.skops", data, _packages(model))
    notes = [f"scikit-learn runs the model as it is: {reason}"]
    if task != "regression" and not hasattr(model, "predict_proba"):
        notes.append("it answers labels alone, so that its probabilities are 0 or 1")
    return Incoming(type(model).__name__, signature, Plan(()), kept, notes=tuple(notes))


def _answers(model: Any) -> tuple[Task, tuple[Label, ...]]:
    name = type(model).__name__
    if is_regressor(model):
        return "regression", ()
    if not is_classifier(model) or not hasattr(model, "classes_"):
        raise BundleError(
            f"{name} is no fitted classifier or regressor",
            hint="package the fitted estimator or the whole Pipeline that ends in one",
        )
    if isinstance(model.classes_, list):
        raise BundleError(f"{name} answers several labels a row", hint="package one model each")
    classes = tuple(_plain(label) for label in model.classes_)
    return "binary" if len(classes) == 2 else "multiclass", classes


def _plain(label: Any) -> Label:
    value: Label = label.item() if isinstance(label, np.generic) else label
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _takes_nulls(model: Any) -> bool:
    try:
        return bool(get_tags(model).input_tags.allow_nan)
    except (AttributeError, TypeError, ValueError):  # estimators older than tags
        return False


def _with_nulls(signature: Signature, places: set[int]) -> Signature:
    inputs = [
        replace(column, nullable=column.nullable or place in places)
        for place, column in enumerate(signature.inputs)
    ]
    return replace(signature, inputs=tuple(inputs))


def _packages(model: Any) -> tuple[str, ...]:
    return (*_PACKAGES, "pandas") if hasattr(model, "feature_names_in_") else _PACKAGES


def _said_here(plain: Translated, signature: Signature) -> tuple[Plan, Source]:
    """Return the plan over the signature's names, and the estimator as a source of ours."""
    plan = plain.plan(signature.names)
    model, classes = plain.model, len(signature.classes)
    linear = _linear(model, signature.task)
    if linear is not None:
        return plan, linear
    if signature.task != "regression" and not hasattr(model, "predict_proba"):
        raise CannotCompile(f"{type(model).__name__} gives no probabilities")
    unnamed = copy.copy(model)  # it is given a matrix, whose columns have no names to warn of
    vars(unnamed).pop("feature_names_in_", None)
    estimator = Estimator(unnamed, signature.task, classes)
    return plan, FileSource("sklearn", "model.skops", estimator.pack(), _PACKAGES)


def _linear(model: Any, task: Task) -> LinearSource | None:
    name = type(model).__name__
    link: Any = "identity" if task == "regression" else "logistic"
    if name not in _LINEAR[link]:
        return None
    coefficients, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    if task == "multiclass":
        return LinearSource(coefficients, intercept, "softmax")
    return LinearSource(coefficients.ravel(), float(intercept.ravel()[0]), link)


class _Known:
    """Scores that are known already: of the row whose number stands in the matrix."""

    def __init__(self, scores: Floats) -> None:
        self._scores = scores

    def scores(self, matrix: Floats) -> Floats:
        return np.asarray(self._scores[matrix[:, 0].astype(np.int64)])


def _difference(
    original: Any, plan: Plan, source: Source, asked: Asked, signature: Signature
) -> str:
    """Return how the two differ on real and odd rows, or nothing where they are equal."""
    if asked.reference is not None:
        real = columns(asked.reference.table.head(_ROWS), signature)
    else:
        real = made_up(plan, signature)
    parts = [real, *odd(plan, signature, real)]
    together = {name: np.concatenate([p[name] for p in parts]) for name in signature.names}
    mine = RUNTIMES.load(source.runtime)(source.data).scores(plan.encode(together))
    rows = np.arange(len(mine), dtype=np.float64)[:, None]
    size = len(next(iter(real.values())))
    return parity.compare(
        _Known(_scored(original, together)),
        _Known(mine),
        real=rows[:size],
        edges=rows[size:],
        signature=signature,
        threshold=THRESHOLD,
    ).reason


def _scored(original: Any, together: Mapping[str, NDArray[Any]]) -> Floats:
    return np.asarray(original.scores(together))
