"""LightGBM's model text as one ONNX graph, in double precision throughout.

The graph compares the same doubles with `<=`, so that a value at a split goes the same way as in
LightGBM; the usual conversion by way of float32 does not promise that. What the graph could not
say exactly is refused with `CannotCompile`, and the booster itself is then used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlwright.core.backends import require

_LEQ, _MEMBER = 0, 6
_IDENTITY = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}


class CannotCompile(Exception):
    """The model uses something that the graph has no exact word for."""


@dataclass
class _Nodes:
    """The attributes of ONNX's TreeEnsemble: parallel lists of nodes, leaves and roots."""

    feature: list[int] = field(default_factory=list)
    split: list[float] = field(default_factory=list)
    mode: list[int] = field(default_factory=list)
    null_is_true: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    true_is_leaf: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    false_is_leaf: list[int] = field(default_factory=list)
    leaf: list[float] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    root: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    bias: list[float] = field(default_factory=list)


def to_onnx(text: str, features: int) -> bytes:
    """Return the ONNX graph of a LightGBM model: input `x` (n, features), output `scores`.

    Raises:
        CannotCompile: the model cannot be said exactly.
    """
    header, *trees = text.partition("\nend of trees")[0].split("\n\nTree=")
    facts = _fields(header)
    if "average_output" in header.splitlines():
        raise CannotCompile("it averages its trees")
    outputs = int(facts["num_tree_per_iteration"])
    nodes = _Nodes(bias=[0.0] * outputs)
    for index, tree in enumerate(trees):
        _add(nodes, _fields(tree), index % outputs)
    if not nodes.root:
        raise CannotCompile("none of its trees has a split")
    return _graph(nodes, facts["objective"].split(), features)


def thresholds(text: str) -> Iterator[tuple[int, float]]:
    """Yield the feature and the value of every numerical split."""
    for tree in text.partition("\nend of trees")[0].split("\n\nTree=")[1:]:
        facts = _fields(tree)
        if facts["num_leaves"] != "1":
            splits = zip(*(facts[key].split() for key in _SPLIT), strict=True)
            for feature, threshold, decision in splits:
                if not int(decision) & 1:
                    yield int(feature), float(threshold)


_SPLIT = ("split_feature", "threshold", "decision_type")


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _add(nodes: _Nodes, tree: dict[str, str], target: int) -> None:
    leaves = [float(value) for value in tree["leaf_value"].split()]
    if tree.get("is_linear", "0") != "0":
        raise CannotCompile("its leaves are linear models")
    if len(leaves) == 1:
        nodes.bias[target] += leaves[0]
        return
    first_node, first_leaf = len(nodes.feature), len(nodes.leaf)
    nodes.root.append(first_node)
    nodes.leaf += leaves
    nodes.target += [target] * len(leaves)
    for ids, are_leaves, key in (
        (nodes.true, nodes.true_is_leaf, "left_child"),
        (nodes.false, nodes.false_is_leaf, "right_child"),
    ):
        for child in map(int, tree[key].split()):
            are_leaves.append(int(child < 0))
            ids.append(first_leaf + ~child if child < 0 else first_node + child)
    nodes.feature += map(int, tree["split_feature"].split())
    for decision, split in zip(
        tree["decision_type"].split(), tree["threshold"].split(), strict=True
    ):
        if int(decision) & 1:
            _add_members(nodes, tree, int(split))
        else:
            _add_threshold(nodes, int(decision), float(split))


def _add_threshold(nodes: _Nodes, decision: int, split: float) -> None:
    missing = decision >> 2 & 3  # 0: a null counts as zero, 1: a zero as null, 2: a null is null
    if missing == 1:
        raise CannotCompile("it takes zeros for nulls")
    nodes.mode.append(_LEQ)
    nodes.split.append(split)
    nodes.null_is_true.append(int(bool(decision & 2) if missing == 2 else split >= 0))


def _add_members(nodes: _Nodes, tree: dict[str, str], place: int) -> None:
    bounds = list(map(int, tree["cat_boundaries"].split()))
    words = list(map(int, tree["cat_threshold"].split()))[bounds[place] : bounds[place + 1]]
    members = [
        float(32 * i + bit) for i, word in enumerate(words) for bit in range(32) if word >> bit & 1
    ]
    nodes.mode.append(_MEMBER)
    nodes.split.append(0.0)
    nodes.null_is_true.append(0)
    nodes.members += [*members, float("nan")]


def _graph(nodes: _Nodes, objective: list[str], features: int) -> bytes:
    onnx = require("onnx", extra="train", needed_by="compiling a model")
    helper, proto, from_array = onnx.helper, onnx.TensorProto, onnx.numpy_helper.from_array
    outputs = len(nodes.bias)
    steps = [
        helper.make_node(
            "TreeEnsemble", ["x"], ["sums"], domain="ai.onnx.ml", **_attributes(nodes, from_array)
        ),
        helper.make_node("Add", ["sums", "bias"], ["raw"]),
        *_link(objective, helper),
    ]
    shape: list[Any] = [None] if outputs == 1 else [None, outputs]
    constants = {
        "bias": np.array(nodes.bias),
        "scale": np.array(_scale(objective)),
        "flat": np.array([-1], np.int64),
    }
    used = {name for step in steps for name in step.input}
    graph = helper.make_graph(
        steps,
        "model",
        [helper.make_tensor_value_info("x", proto.DOUBLE, [None, features])],
        [helper.make_tensor_value_info("scores", proto.DOUBLE, shape)],
        [from_array(value, name) for name, value in constants.items() if name in used],
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8, producer_name="mlwright")
    return bytes(model.SerializeToString(deterministic=True))


def _attributes(nodes: _Nodes, from_array: Any) -> dict[str, Any]:
    given = {
        "aggregate_function": 1,  # the sum
        "n_targets": len(nodes.bias),
        "post_transform": 0,  # none
        "tree_roots": nodes.root,
        "nodes_featureids": nodes.feature,
        "nodes_modes": from_array(np.array(nodes.mode, np.uint8)),
        "nodes_splits": from_array(np.array(nodes.split)),
        "nodes_missing_value_tracks_true": nodes.null_is_true,
        "nodes_truenodeids": nodes.true,
        "nodes_trueleafs": nodes.true_is_leaf,
        "nodes_falsenodeids": nodes.false,
        "nodes_falseleafs": nodes.false_is_leaf,
        "leaf_targetids": nodes.target,
        "leaf_weights": from_array(np.array(nodes.leaf)),
    }
    if nodes.members:
        given["membership_values"] = from_array(np.array(nodes.members))
    return given


def _link(objective: list[str], helper: Any) -> list[Any]:
    name, *options = objective
    if name in _IDENTITY and not options:
        return [helper.make_node("Reshape", ["raw", "flat"], ["scores"])]
    if name == "binary":
        return [
            helper.make_node("Mul", ["raw", "scale"], ["scaled"]),
            helper.make_node("Sigmoid", ["scaled"], ["column"]),
            helper.make_node("Reshape", ["column", "flat"], ["scores"]),
        ]
    if name == "multiclass":
        return [helper.make_node("Softmax", ["raw"], ["scores"], axis=1)]
    raise CannotCompile(f"its objective is {' '.join(objective)}")


def _scale(objective: list[str]) -> float:
    found = [option for option in objective if option.startswith("sigmoid:")]
    return float(found[0].partition(":")[2]) if found else 1.0
