"""Whether the trees within an estimator of scikit-learn lead where they may (see `sound`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.bundle.forests.sound import check_tree, unsound

_BITS = 8  # words of 32 in a set of categories
_PLAIN = (str, bytes, int, float, bool, type(None), np.generic, type)


def check_estimator(model: Any) -> None:
    """Refuse an estimator that was read from a file and holds a tree that is none.

    Raises:
        BundleError: a tree leads outside or in circles.
    """
    waiting: list[tuple[Any, int | None]] = [(model, None)]
    seen: dict[int, Any] = {}  # holds what it saw, or another might get its address
    while waiting:
        each, features = waiting.pop()
        if isinstance(each, _PLAIN) or id(each) in seen:
            continue
        seen[id(each)] = each
        kind = f"{type(each).__module__}.{type(each).__name__}"
        if kind == "sklearn.tree._tree.Tree":
            _tree(each, features)
        elif kind == "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor":
            _predictor(each, features)
        else:
            features = getattr(each, "n_features_in_", features)
            waiting += [(part, features) for part in _parts(each)]


def _parts(each: Any) -> list[Any]:
    if isinstance(each, np.ndarray):
        return each.ravel().tolist() if each.dtype == object else []
    if isinstance(each, dict):
        return [*each.keys(), *each.values()]
    if isinstance(each, list | tuple | set | frozenset):
        return list(each)
    return list(vars(each).values()) if hasattr(each, "__dict__") else []


def _tree(tree: Any, features: int | None) -> None:
    known = int(tree.n_features)
    width = known if features is None else min(known, int(features))
    check_tree(tree.children_left, tree.children_right, tree.feature, width, leaf=-1)


def _predictor(tree: Any, features: int | None) -> None:
    nodes = tree.nodes
    if features is None or nodes.dtype.names is None or not len(nodes):
        raise unsound("it lacks a part")
    leaf = nodes["is_leaf"].astype(bool)
    left = np.where(leaf, -1, nodes["left"].astype(np.int64))
    check_tree(left, nodes["right"].astype(np.int64), nodes["feature_idx"], features, leaf=-1)
    for sets in (tree.binned_left_cat_bitsets, tree.raw_left_cat_bitsets):
        asks = nodes["bitset_idx"][nodes["is_categorical"].astype(bool) & ~leaf]
        if asks.size and (sets.ndim != 2 or sets.shape[1] != _BITS or asks.max() >= len(sets)):
            raise unsound("its trees lead outside")
