"""The trees of XGBoost's JSON format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import Link
from mlwright.bundle.trees import CannotCompile, Forest, Tree

_LINKS: dict[str, Link] = {
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:logistic": "logistic",
    "binary:logistic": "logistic",
    "multi:softprob": "softmax",
}


def read(data: bytes) -> Forest:
    """Return the forest of a booster's JSON.

    Raises:
        CannotCompile: it has no exact graph.
    """
    learner = json.loads(data)["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in _LINKS:
        raise CannotCompile(f"its objective is {objective}")
    if booster["name"] not in ("gbtree", "dart"):
        raise CannotCompile(f"its booster is {booster['name']}")
    model = booster.get("gbtree", booster)["model"]
    weights = booster.get("weight_drop", [1.0] * len(model["trees"]))
    trees = [
        _tree(tree, weight, target)
        for tree, weight, target in zip(model["trees"], weights, model["tree_info"], strict=True)
    ]
    link = _LINKS[objective]
    outputs = max(int(learner["learner_model_param"]["num_class"]), 1)
    base = _base(learner["learner_model_param"]["base_score"], link, outputs)
    return Forest(trees, base, link, arithmetic="single", strict=True)


def _base(text: str, link: Link, outputs: int) -> NDArray[np.float64]:
    """Return what the sums start from: the format has a probability where there is one."""
    scores = np.atleast_1d(np.array(json.loads(text), np.float32))
    if link == "logistic":
        scores = -np.log(np.float32(1) / scores - np.float32(1))
    return np.broadcast_to(scores, (outputs,)).astype(np.float64)


def _tree(tree: dict[str, Any], weight: float, target: int) -> Tree:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise CannotCompile("its leaves hold a value a class")
    if any(tree["split_type"]):
        raise CannotCompile("it splits on categories")
    left = np.array(tree["left_children"], np.int64)
    # The shortest decimals of single precision: read as doubles they would be other numbers.
    conditions = np.array(tree["split_conditions"], np.float32)
    return Tree(
        np.array(tree["split_indices"], np.int64),
        conditions.astype(np.float64),
        left,
        np.array(tree["right_children"], np.int64),
        np.array(tree["default_left"], bool),
        (conditions * np.float32(weight)).astype(np.float64),
        target,
    )
