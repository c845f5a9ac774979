"""The trees of LightGBM's text format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import Link
from mlwright.bundle.trees import CannotCompile, Forest, Tree

_ZERO = float(np.float32(1e-35))
"""LightGBM reads a value no further from zero than this as zero."""
_IDENTITY = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}


def read(data: bytes) -> Forest:
    """Return the forest of a booster's text.

    Raises:
        CannotCompile: it has no exact graph.
    """
    header, *trees = data.decode().partition("\nend of trees")[0].split("\n\nTree=")
    facts = _fields(header)
    if "average_output" in header.splitlines():
        raise CannotCompile("it averages its trees")
    outputs = int(facts["num_tree_per_iteration"])
    link, scale = _link(facts["objective"])
    found = tuple(_tree(_fields(tree), i % outputs) for i, tree in enumerate(trees))
    return Forest(found, np.zeros(outputs), link, scale=scale)


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _link(objective: str) -> tuple[Link, float]:
    name, *options = objective.split()
    if name in _IDENTITY and not options:
        return "identity", 1.0
    if name == "binary":
        found = [option for option in options if option.startswith("sigmoid:")]
        return "logistic", float(found[0].partition(":")[2]) if found else 1.0
    if name == "multiclass":
        return "softmax", 1.0
    raise CannotCompile(f"its objective is {objective}")


def _tree(facts: dict[str, str], target: int) -> Tree:
    if facts.get("is_linear", "0") != "0":
        raise CannotCompile("its leaves are linear models")
    leaves = np.array(facts["leaf_value"].split(), np.float64)
    inner = len(leaves) - 1
    decisions = _whole(facts["decision_type"]) if inner else np.zeros(0, np.int64)
    split = np.array(facts["threshold"].split() if inner else [], np.float64)
    asks = np.flatnonzero(decisions & 1)
    blank, none = np.full(len(leaves), -1), np.zeros(len(leaves))
    # Inner nodes first, then leaves, which the text numbers -1, -2, ...
    sides = [
        np.concatenate([np.where(child < 0, inner + ~child, child), blank])
        for child in (_whole(facts[key]) if inner else np.zeros(0, np.int64) for key in _SIDES)
    ]
    return Tree(
        np.concatenate([_whole(facts["split_feature"]) if inner else [], blank]).astype(np.int64),
        np.concatenate([_around_zero(split), none]),
        sides[0],
        sides[1],
        np.concatenate([_null_left(decisions, split), none]).astype(bool),
        np.concatenate([np.zeros(inner), leaves]),
        target,
        {int(node): _members(facts, int(split[node])) for node in asks},
    )


_SIDES = ("left_child", "right_child")


def _null_left(decisions: NDArray[np.int64], split: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where a null goes left: as zero does, or where the node says so."""
    missing = decisions >> 2 & 3  # 0: a null counts as zero, 1: a zero as null, 2: a null is null
    asks = (decisions & 1).astype(bool)
    if (missing[~asks] == 1).any():
        raise CannotCompile("it takes zeros for nulls")
    return np.asarray(np.where(missing == 2, decisions & 2, split >= 0).astype(bool) & ~asks)


def _around_zero(split: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return splits that send what LightGBM reads as zero to where zero goes."""
    below = np.nextafter(-_ZERO, -np.inf)
    near = np.abs(split) <= _ZERO
    return np.where(near, np.where(split < 0, below, _ZERO), split)


def _members(facts: dict[str, str], place: int) -> list[float]:
    bounds = list(map(int, facts["cat_boundaries"].split()))
    words = list(map(int, facts["cat_threshold"].split()))[bounds[place] : bounds[place + 1]]
    return [
        float(32 * i + bit) for i, word in enumerate(words) for bit in range(32) if word >> bit & 1
    ]


def _whole(text: str) -> NDArray[np.int64]:
    return np.array(text.split(), np.int64)
