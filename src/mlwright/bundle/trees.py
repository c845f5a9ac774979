"""Trees of any library as one ONNX graph that scores to the bit, or as nearly as doubles allow.

Libraries differ in what they compare: LightGBM and histogram boosting take doubles and `<=`,
scikit-learn's other trees round a value to single precision first, XGBoost compares singles with
`<` and adds them in single precision. The usual conversions know one way for all, and that is why
they are wrong; a `Forest` says which it is. What the graph could not say exactly is refused with
`CannotCompile`, and the library itself is then used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.sources import Link
from mlwright.core.backends import require

Arithmetic = Literal["double", "rounded", "single"]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_NODES = 4_000_000
_LEQ, _LT, _MEMBER = 0, 1, 6


class CannotCompile(Exception):
    """The model uses something that the graph has no exact word for."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Nodes in parallel arrays, the root first; at a leaf `left` is -1.

    `value` is (nodes,) and adds to the output `target`, or (nodes, outputs) and adds to all. A
    node of `members` asks whether a category is one of a list; it goes left when it is.
    """

    feature: Places
    split: Floats
    left: Places
    right: Places
    null_left: NDArray[np.bool_]
    value: Floats
    target: int = 0
    members: Mapping[int, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """What an ensemble computes: `link(base + scale * (sum of the trees) / divisor)`.

    Attributes:
        trees: in the order in which they are added.
        base: what the sum starts from, one number an output (outputs,).
        link: what makes scores of the sums.
        arithmetic: `double`; `rounded`: values are rounded to single precision before they are
            compared; `single`: they are, and sums are in single precision too.
        strict: a value at the split goes right (`<`), not left (`<=`).
        divisor: of the sums, for a mean.
        scale: of the sums, for a steeper link.
        nulls_are_zero: a null counts as zero at every split.
    """

    trees: Sequence[Tree]
    base: Floats
    link: Link
    arithmetic: Arithmetic = "double"
    strict: bool = False
    divisor: float = 1.0
    scale: float = 1.0
    nulls_are_zero: bool = False


def thresholds(forest: Forest) -> Iterator[tuple[int, float]]:
    """Yield the feature and the value of every numerical split."""
    for tree in forest.trees:
        inner = tree.left >= 0
        inner[list(tree.members)] = False
        yield from zip(tree.feature[inner].tolist(), tree.split[inner].tolist(), strict=True)


def to_onnx(forest: Forest, features: int) -> bytes:
    """Return the ONNX graph of a forest: input `x` (n, features), output `scores`.

    Raises:
        CannotCompile: the graph would be too large.
    """
    onnx = require("onnx", extra="train", needed_by="compiling a model")
    helper, proto = onnx.helper, onnx.TensorProto
    nodes = _Nodes()
    for output, value in enumerate(forest.base.tolist()):
        if value:
            nodes.add(_constant(value, output), len(forest.base))
    for tree in forest.trees:
        nodes.add(tree if tree.left[0] >= 0 else _split(tree), len(forest.base))
        if nodes.count > MOST_NODES:
            raise CannotCompile(f"its trees have more than {MOST_NODES:,} nodes")
    steps, constants = _steps(forest, nodes, onnx)
    shape: list[Any] = [None] if len(forest.base) == 1 else [None, len(forest.base)]
    used = {name for step in steps for name in step.input}
    graph = helper.make_graph(
        steps,
        "model",
        [helper.make_tensor_value_info("x", proto.DOUBLE, [None, features])],
        [helper.make_tensor_value_info("scores", proto.DOUBLE, shape)],
        [onnx.numpy_helper.from_array(v, name) for name, v in constants.items() if name in used],
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8, producer_name="mlwright")
    return bytes(model.SerializeToString(deterministic=True))


def _constant(value: float, target: int) -> Tree:
    one = np.array([-1])
    leaf = Tree(one, np.zeros(1), one, one, np.zeros(1, bool), np.array([value]), target)
    return _split(leaf)


def _split(leaf: Tree) -> Tree:
    """Return a tree of one leaf as one split whose sides are equal; ONNX knows no lone leaf."""
    return Tree(
        np.array([0, -1, -1]),
        np.zeros(3),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.zeros(3, bool),
        np.repeat(leaf.value, 3, axis=0),
        leaf.target,
    )


class _Nodes:
    """The attributes of ONNX's TreeEnsemble: parallel lists of nodes, leaves and roots."""

    def __init__(self) -> None:
        self.parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _PARTS}
        self.roots: list[int] = []
        self.members: list[float] = []
        self.inner = 0
        self.leaves = 0

    @property
    def count(self) -> int:
        """Return how many nodes and leaves there are."""
        return self.inner + self.leaves

    def add(self, tree: Tree, outputs: int) -> None:
        """Add a tree, once for every output that its leaves add to."""
        if tree.value.ndim == 1:
            self._add(tree, tree.value, tree.target)
            return
        for target in range(outputs):
            self._add(tree, tree.value[:, target], target)

    def _add(self, tree: Tree, value: Floats, target: int) -> None:
        inner = tree.left >= 0
        place = np.where(inner, np.cumsum(inner) - 1, np.cumsum(~inner) - 1)
        self.roots.append(self.inner)
        for side, child in (("true", tree.left[inner]), ("false", tree.right[inner])):
            starts = np.where(inner[child], self.inner, self.leaves)
            self.parts[f"{side}_ids"].append(place[child] + starts)
            self.parts[f"{side}_leafs"].append((~inner[child]).astype(np.int64))
        asks = np.zeros(len(inner), bool)
        asks[list(tree.members)] = True
        self.parts["feature"].append(tree.feature[inner])
        self.parts["split"].append(np.where(asks, 0.0, tree.split)[inner])
        self.parts["asks"].append(asks[inner])
        self.parts["null_true"].append(tree.null_left[inner].astype(np.int64))
        self.parts["value"].append(value[~inner])
        self.parts["target"].append(np.full(int((~inner).sum()), target))
        for node in sorted(tree.members):
            self.members += [*tree.members[node], float("nan")]
        self.inner += int(inner.sum())
        self.leaves += int((~inner).sum())

    def attributes(self, *, strict: bool, single: bool, outputs: int, tensor: Any) -> Any:
        """Return the attributes under ONNX's names."""
        whole = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        kind = np.float32 if single else np.float64
        given = {
            "aggregate_function": 1,  # the sum
            "n_targets": outputs,
            "post_transform": 0,  # none
            "tree_roots": self.roots,
            "nodes_featureids": whole["feature"].tolist(),
            "nodes_modes": tensor(
                np.where(whole["asks"], _MEMBER, _LT if strict else _LEQ).astype(np.uint8)
            ),
            "nodes_splits": tensor(whole["split"].astype(kind)),
            "nodes_missing_value_tracks_true": whole["null_true"].tolist(),
            "nodes_truenodeids": whole["true_ids"].tolist(),
            "nodes_trueleafs": whole["true_leafs"].tolist(),
            "nodes_falsenodeids": whole["false_ids"].tolist(),
            "nodes_falseleafs": whole["false_leafs"].tolist(),
            "leaf_targetids": whole["target"].tolist(),
            "leaf_weights": tensor(whole["value"].astype(kind)),
        }
        if self.members:
            given["membership_values"] = tensor(np.array(self.members, kind))
        return given


_PARTS = (
    *("feature", "split", "asks", "null_true", "value", "target"),
    *("true_ids", "true_leafs", "false_ids", "false_leafs"),
)


def _steps(forest: Forest, nodes: _Nodes, onnx: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the graph's nodes in order, and the constants that they may use."""
    node, single = onnx.helper.make_node, forest.arithmetic == "single"
    double = onnx.TensorProto.DOUBLE
    steps, name = [], "x"
    if forest.nulls_are_zero:
        steps += [node("IsNaN", [name], ["null"]), node("Where", ["null", "zero", name], ["known"])]
        name = "known"
    if forest.arithmetic != "double":
        steps.append(node("Cast", [name], ["float"], to=onnx.TensorProto.FLOAT))
        name = "float"
    if forest.arithmetic == "rounded":
        steps.append(node("Cast", [name], ["rounded"], to=double))
        name = "rounded"
    attributes = nodes.attributes(
        strict=forest.strict,
        single=single,
        outputs=len(forest.base),
        tensor=onnx.numpy_helper.from_array,
    )
    steps.append(node("TreeEnsemble", [name], ["sums"], domain="ai.onnx.ml", **attributes))
    name = "sums"
    if single:
        steps.append(node("Cast", [name], ["wide"], to=double))
        name = "wide"
    for wanted, operator, constant in (
        (forest.divisor != 1, "Div", "divisor"),
        (forest.scale != 1, "Mul", "scale"),
    ):
        if wanted:
            steps.append(node(operator, [name, constant], [f"by {constant}"]))
            name = f"by {constant}"
    steps += _link(forest, name, node)
    constants = {
        "zero": np.array(0.0),
        "divisor": np.array(float(forest.divisor)),
        "scale": np.array(float(forest.scale)),
        "flat": np.array([-1], np.int64),
    }
    return steps, constants


def _link(forest: Forest, name: str, node: Any) -> list[Any]:
    if forest.link == "softmax":
        return [node("Softmax", [name], ["scores"], axis=1)]
    if len(forest.base) > 1:
        return [node("Identity", [name], ["scores"])]
    steps = []
    if forest.link == "logistic":
        steps.append(node("Sigmoid", [name], ["column"]))
        name = "column"
    return [*steps, node("Reshape", [name, "flat"], ["scores"])]
