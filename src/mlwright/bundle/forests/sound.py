"""Whether the trees of a file lead where they may: libraries follow them without looking.

A child beyond the last node or a feature beyond the last column is read from memory that is not the
model's, and a node below itself is followed for ever. So whoever loads a booster asks here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.errors import BundleError

MOST_CLASSES = 10_000
_MOST_FEATURES = 10_000_000
_SKIPPED = "tree_sizes="  # where to jump to for each tree; without it they are read one by one

Places = NDArray[np.int64]


def lightgbm_text(text: str) -> str:
    """Return a booster's text, as LightGBM may be given it.

    Raises:
        BundleError: its trees lead outside, in circles, or it is not in LightGBM's form.
    """
    body, _, rest = text.partition("\nend of trees")
    if any(sign < " " and sign not in "\n\t" for sign in set(text)):
        raise unsound("it holds control characters")
    head, *blocks = body.split("\nTree=")
    try:
        facts = _fields(head)
        features = int(facts["max_feature_idx"]) + 1
        outputs = int(facts["num_tree_per_iteration"])
        _within(np.array([features, outputs, int(facts["num_class"])]), 1, _MOST_FEATURES + 1)
        _within(np.array([outputs, int(facts["num_class"])]), 1, MOST_CLASSES + 1)
        for block in blocks:
            _lightgbm_tree(_fields(block.partition("\n\n")[0].partition("\n")[2]), features)
    except (KeyError, ValueError, OverflowError) as exc:
        raise unsound("it lacks a part") from exc
    lines = (line for line in head.split("\n") if not line.startswith(_SKIPPED))
    return "\nTree=".join(["\n".join(lines), *blocks]) + "\nend of trees" + rest


def xgboost_model(model: Mapping[str, Any]) -> None:
    """Refuse a booster, as its JSON was read, whose trees lead outside or in circles.

    Raises:
        BundleError: they do, or it is not in XGBoost's form.
    """
    try:
        facts = model["learner"]["learner_model_param"]
        features, classes = int(facts["num_feature"]), int(facts["num_class"])
        targets = int(facts.get("num_target", 1))
        _within(np.array([features]), 0, _MOST_FEATURES + 1)
        _within(np.array([classes, targets]), 0, MOST_CLASSES + 1)
        outputs = max(classes, 1) * max(targets, 1)
        booster = model["learner"]["gradient_booster"]
        if booster["name"] == "gblinear":
            if len(booster["model"]["weights"]) != (features + 1) * outputs:
                raise unsound("it has another number of weights than of columns")
            return
        found = booster.get("gbtree", booster)["model"]
        trees = found["trees"]
        _as_many(len(trees), found["tree_info"], booster.get("weight_drop", trees))
        _within(_whole(found["tree_info"]), 0, outputs)
        begins = _whole(found.get("iteration_indptr", [0, len(trees)]))
        _within(begins, 0, len(trees) + 1)
        if (np.diff(begins) < 0).any() or (len(begins) and begins[-1] != len(trees)):
            raise unsound("its rounds hold other trees than it has")
        for tree in trees:
            _xgboost_tree(tree, features)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as exc:
        raise unsound("it lacks a part") from exc


def check_tree(
    left: Places, right: Places, feature: Places, features: int, *, leaf: int | None = None
) -> None:
    """Refuse a tree that is not one.

    Args:
        left: the left child of each node, the root being node 0.
        right: the right one.
        feature: the column that each node looks at.
        features: how many columns there are.
        leaf: what stands for a child where there is none; None where any negative number does, and
            names a leaf that is checked elsewhere.

    Raises:
        BundleError: a node that can be reached leads outside, or to itself in the end.
    """
    reached, frontier = 0, np.zeros(min(1, len(left)), np.int64)
    while frontier.size:
        reached += len(frontier)
        if reached > len(left):
            raise unsound("its trees run in circles")
        inner = frontier if leaf is None else frontier[left[frontier] != leaf]
        _within(feature[inner], 0, features)
        children = np.concatenate([left[inner], right[inner]])
        frontier = children if leaf is not None else children[children >= 0]
        _within(frontier, 0, len(left))


def _lightgbm_tree(facts: Mapping[str, str], features: int) -> None:
    leaves = int(facts["num_leaves"])
    values = len(facts["leaf_value"].split())
    if not 1 <= leaves == values:
        raise unsound("a tree has another number of leaves than it says")
    if leaves == 1:
        return
    left, right, feature, decisions = (
        _whole(facts[name].split())
        for name in ("left_child", "right_child", "split_feature", "decision_type")
    )
    splits = np.array(facts["threshold"].split(), np.float64)
    _as_many(leaves - 1, left, right, feature, decisions, splits)
    children = np.concatenate([left, right])
    _within(~children[children < 0], 0, leaves)
    check_tree(left, right, feature, features)
    asks = (decisions & 1).astype(bool)
    if asks.any():
        bounds, words = _whole(facts["cat_boundaries"].split()), facts["cat_threshold"].split()
        _within(bounds, 0, len(words) + 1)
        _within(splits[asks].astype(np.int64), 0, min(len(bounds) - 1, int(facts["num_cat"])))
    if int(facts.get("is_linear", "0")):
        _within(_whole(facts.get("leaf_features", "").split()), 0, features)
        counts = _whole(facts["num_features"].split())
        _as_many(leaves, counts, facts["leaf_const"].split())
        _as_many(int(counts.sum()), *(facts[n].split() for n in ("leaf_features", "leaf_coeff")))


def _xgboost_tree(tree: Mapping[str, Any], features: int) -> None:
    left, right, feature = (
        _whole(tree[name]) for name in ("left_children", "right_children", "split_indices")
    )
    size, wide = len(left), max(1, int(tree["tree_param"].get("size_leaf_vector", 1)))
    if not size or int(tree["tree_param"]["num_nodes"]) != size:
        raise unsound("a tree has another number of nodes than it says")
    _as_many(size, right, feature, tree["split_conditions"], tree["default_left"])
    check_tree(left, right, feature, features, leaf=-1)
    if len(tree["base_weights"]) not in (size, size * wide):
        raise unsound("a tree has another number of nodes than it says")
    starts, sizes = _whole(tree.get("categories_segments", [])), tree.get("categories_sizes", [])
    _as_many(len(starts), sizes, tree.get("categories_nodes", []))
    _within(_whole(tree.get("categories_nodes", [])), 0, size)
    _within(starts, 0, len(tree.get("categories", [])) + 1)
    _within(starts + _whole(sizes), 0, len(tree.get("categories", [])) + 1)


def _fields(block: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in block.split("\n") if "=" in line]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise unsound("a part of it stands there twice")
    return found


def _whole(values: Any) -> Places:
    return np.array(values, np.int64)


def _within(values: Places, low: int, high: int) -> None:
    if values.size and (values.min() < low or values.max() >= high):
        raise unsound("its trees lead outside")


def _as_many(count: int, *lists: Any) -> None:
    if any(len(each) != count for each in lists):
        raise unsound("its lists are not equally long")


def unsound(why: str) -> BundleError:
    """Return the error for a file that no library has saved."""
    return BundleError(
        f"the model's file is not sound: {why}",
        hint="nothing that a library has saved looks so; do not use it",
    )
