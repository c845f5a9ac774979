"""The trees of scikit-learn's forests, boosters and single trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import ensemble, tree

from mlwright.bundle.runtimes.sklearn import Estimator, load
from mlwright.bundle.sources import Link
from mlwright.bundle.trees import CannotCompile, Forest, Tree
from mlwright.core.signature import Task

_LINKS: dict[Task, Link] = {
    "regression": "identity",
    "binary": "logistic",
    "multiclass": "softmax",
}


def read(data: bytes) -> Forest:
    """Return the forest of a packed estimator.

    Raises:
        CannotCompile: it is no forest, or has no exact graph.
    """
    found = load(data)
    for kinds, read_one in _READERS:
        if type(found.model) in kinds:
            return read_one(found)
    raise CannotCompile(f"{type(found.model).__name__} is run by scikit-learn itself")


def _single_tree(found: Estimator) -> Forest:
    return _mean(found, [found.model])


def _forest(found: Estimator) -> Forest:
    return _mean(found, found.model.estimators_)


def _mean(found: Estimator, members: list[Any]) -> Forest:
    trees = [_tree(member.tree_, _shares(member.tree_.value[:, 0], found)) for member in members]
    base = np.zeros(found.classes if found.task == "multiclass" else 1)
    return Forest(trees, base, "identity", arithmetic="rounded", divisor=len(trees))


def _shares(value: NDArray[np.float64], found: Estimator) -> NDArray[np.float64]:
    """Return the leaves' values: of a regression, of the positive class, or one a class."""
    if found.task == "regression":
        return value[:, 0]
    spread = found.spread(value)
    return spread[:, 1] if found.task == "binary" else spread


def _gradient_boosting(found: Estimator) -> Forest:
    model = found.model
    if model.init is not None and model.init != "zero":
        raise CannotCompile("it starts from another model")
    if found.task != "regression" and (model.loss != "log_loss" or _lacks_classes(found)):
        raise CannotCompile("it lacks a class, or its loss is not the log loss")
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]
    trees = [
        _tree(member.tree_, model.learning_rate * member.tree_.value[:, 0, 0], target)
        for stage in model.estimators_
        for target, member in enumerate(stage)
    ]
    return Forest(
        trees,
        np.asarray(base, np.float64),
        _LINKS[found.task],
        arithmetic="rounded",
        nulls_are_zero=True,
    )


def _hist_gradient_boosting(found: Estimator) -> Forest:
    model = found.model
    if model.loss not in ("squared_error", "absolute_error", "log_loss"):
        raise CannotCompile(f"its loss is {model.loss}")
    if found.task != "regression" and _lacks_classes(found):
        raise CannotCompile("it lacks a class")
    trees = [
        _histogram_tree(member.nodes, target)
        for stage in model._predictors
        for target, member in enumerate(stage)
    ]
    base = np.asarray(model._baseline_prediction, np.float64).ravel()
    return Forest(trees, base, _LINKS[found.task])


def _lacks_classes(found: Estimator) -> bool:
    return len(found.model.classes_) != found.classes


def _tree(structure: Any, value: NDArray[np.float64], target: int = 0) -> Tree:
    return Tree(
        np.asarray(structure.feature, np.int64),
        np.asarray(structure.threshold, np.float64),
        np.asarray(structure.children_left, np.int64),
        np.asarray(structure.children_right, np.int64),
        np.asarray(structure.missing_go_to_left, bool),
        np.asarray(value, np.float64),
        target,
    )


def _histogram_tree(nodes: Any, target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(np.float64),
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].astype(np.float64),
        target,
    )


_READERS: tuple[tuple[tuple[type, ...], Callable[[Estimator], Forest]], ...] = (
    ((tree.DecisionTreeClassifier, tree.DecisionTreeRegressor), _single_tree),
    (
        (
            ensemble.RandomForestClassifier,
            ensemble.RandomForestRegressor,
            ensemble.ExtraTreesClassifier,
            ensemble.ExtraTreesRegressor,
        ),
        _forest,
    ),
    ((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _gradient_boosting),
    (
        (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor),
        _hist_gradient_boosting,
    ),
)
