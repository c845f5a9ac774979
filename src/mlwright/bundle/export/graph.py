"""Build an ONNX graph of a plan and a model, node by node, in double precision."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.calibration import Calibration, Line
from mlwright.bundle.plan import (
    UNSEEN,
    BooleanStep,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Plan,
    Step,
    TargetStep,
)
from mlwright.bundle.runtimes.network import LIMIT
from mlwright.bundle.sources import LinearSource, Link, NetworkSource
from mlwright.bundle.trees import CannotCompile
from mlwright.core.backends import require
from mlwright.core.errors import BundleError
from mlwright.core.signature import Column, Signature

_KINDS = {np.float64: "DOUBLE", np.int64: "INT64", np.str_: "STRING"}


class Graph:
    """Nodes and constants under names of their own."""

    def __init__(self) -> None:
        self._onnx = require("onnx", extra="train", needed_by="an ONNX export")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: dict[str, Any] = {}
        self._inner: Any = None
        self._numbers = itertools.count()

    def kind(self, dtype: type) -> int:
        """Return ONNX's number of a type."""
        return int(getattr(self._onnx.TensorProto, _KINDS[dtype]))

    def input(self, name: str, dtype: type, width: int) -> str:
        """Add an input, (n, width)."""
        make = self._onnx.helper.make_tensor_value_info
        self._inputs[name] = make(name, self.kind(dtype), ["n", width])
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant."""
        name = f"constant {next(self._numbers)}"
        if values.dtype == object:
            make = self._onnx.helper.make_tensor
            texts = [text.encode() for text in values.ravel().tolist()]
            made = make(name, self.kind(np.str_), values.shape, texts)
        else:
            made = self._onnx.numpy_helper.from_array(values, name)
        self._constants.append(made)
        return name

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        *,
        output: str = "",
        domain: str = "",
        **more: Any,
    ) -> str:
        """Add a node, and return the name of its output."""
        name = output or f"{operator} {next(self._numbers)}"
        make = self._onnx.helper.make_node
        self._nodes.append(make(operator, list(inputs), [name], domain=domain, **more))
        return name

    def within(self, data: bytes, matrix: str) -> str:
        """Add the whole of one of our graphs from `x` to `scores`, and return its scores."""
        onnx = self._onnx
        inner = onnx.compose.add_prefix(onnx.load_model_from_string(data), "model/")
        self.add("Identity", [matrix], output="model/x")
        self._nodes += inner.graph.node
        self._constants += inner.graph.initializer
        self._inner = inner
        return "model/scores"

    def finished(
        self, inputs: Sequence[str], outputs: Sequence[tuple[str, type, int | None]]
    ) -> bytes:
        """Return the bytes of the graph; outputs are names, types and widths (None: (n,))."""
        helper = self._onnx.helper
        made = helper.make_graph(
            self._nodes,
            "model",
            [self._inputs[name] for name in inputs],
            [
                helper.make_tensor_value_info(
                    name, self.kind(dtype), ["n"] if width is None else ["n", width]
                )
                for name, dtype, width in outputs
            ],
            self._constants,
        )
        versions = {"": 18, "ai.onnx.ml": 3}
        for each in self._inner.opset_import if self._inner else ():
            versions[each.domain] = max(versions.get(each.domain, 0), each.version)
        model = helper.make_model(
            made,
            opset_imports=[helper.make_opsetid(*each) for each in versions.items()],
            ir_version=self._inner.ir_version if self._inner else 8,
            producer_name="mlwright",
        )
        if self._inner:
            model.functions.extend(self._inner.functions)
        return bytes(model.SerializeToString(deterministic=True))


def column_input(graph: Graph, column: Column) -> str:
    """Add the input of a column."""
    text = column.kind in ("category", "text")
    return graph.input(column.name, np.str_ if text else np.float64, 1)


def encoded(graph: Graph, plan: Plan, signature: Signature, inputs: Mapping[str, str]) -> str:
    """Add the plan, and return the matrix of features.

    Raises:
        CannotCompile: ONNX has no exact word for a step.
    """
    if plan.derived:
        raise CannotCompile(f"ONNX has no word for the expression of {plan.derived[0].name!r}")
    kinds = {column.name: column.kind for column in signature.inputs}
    parts = [
        _step(graph, step, inputs[step.column], text=kinds[step.column] in ("category", "text"))
        for step in plan.steps
    ]
    return graph.add("Concat", parts, axis=1)


def _step(graph: Graph, step: Step, given: str, *, text: bool) -> str:
    if isinstance(step, NumberStep | BooleanStep):
        return _number(graph, step, given)
    categories, rows, null, unseen = _table(step)
    table = graph.constant(np.array([*rows, null, unseen], np.float64))
    find = _text_place if text else _number_place
    return graph.add("Gather", [table, find(graph, categories, given)], axis=0)


def _number(graph: Graph, step: NumberStep | BooleanStep, given: str) -> str:
    name = given
    if step.fill is not None:
        null = graph.add("IsNaN", [name])
        name = graph.add("Where", [null, graph.constant(np.array(float(step.fill))), name])
    if isinstance(step, NumberStep):
        name = graph.add("Sub", [name, graph.constant(np.array(float(step.center)))])
        name = graph.add("Div", [name, graph.constant(np.array(float(step.scale)))])
    return graph.add("Identity", [name])


def _table(step: Step) -> tuple[list[Any], list[Any], Sequence[float], Sequence[float]]:
    """Return categories, the features of each, those of a null, and those of any other."""
    if isinstance(step, OneHotStep):
        known = list(step.categories)
        features = np.eye(len(known)).tolist()
        unseen: Sequence[float] = [0.0] * len(known)
        codes = dict(zip(known, features, strict=True))
    elif isinstance(step, OrdinalStep):
        unseen = [UNSEEN]
        codes = {name: [code] for name, code in step.codes.items()}
    elif isinstance(step, TargetStep):
        unseen = list(step.overall)
        codes = {name: list(means) for name, means in step.codes.items()}
    else:
        raise CannotCompile(f"ONNX has no exact word for the texts of {step.column!r}")
    null = codes.pop(None, unseen)
    return list(codes), list(codes.values()), null, unseen


def _text_place(graph: Graph, categories: list[Any], given: str) -> str:
    """Return the row of the table for each text: the categories, then null (""), then others."""
    if "" in categories:
        raise CannotCompile('"" is a category of its own, and would be a null in ONNX')
    place = graph.add(
        "LabelEncoder",
        [given],
        domain="ai.onnx.ml",
        keys_strings=[*categories, ""],
        values_int64s=list(range(len(categories) + 1)),
        default_int64=len(categories) + 1,
    )
    return graph.add("Reshape", [place, graph.constant(np.array([-1], np.int64))])


def _number_place(graph: Graph, categories: list[Any], given: str) -> str:
    values = np.array([[float(category) for category in categories]])
    hits = graph.add("Equal", [given, graph.constant(values)]) if categories else None
    null = graph.add("IsNaN", [given])
    marks = [graph.add("Cast", [each], to=graph.kind(np.float64)) for each in (hits, null) if each]
    # The first of the largest: a hit, else null, else the half that always stands last.
    half = graph.add("Mul", [marks[-1], graph.constant(np.array(0.0))])
    half = graph.add("Add", [half, graph.constant(np.array(0.5))])
    every = graph.add("Concat", [*marks, half], axis=1)
    return graph.add("ArgMax", [every], axis=1, keepdims=0)


def scored(graph: Graph, bundle: Bundle, matrix: str) -> str:
    """Add the model and its calibration, and return the scores.

    Raises:
        BundleError: the model's runtime cannot be said in ONNX.
    """
    data = bundle.files[bundle.facts["model"]]
    if bundle.runtime == "onnx":
        scores = graph.within(data, matrix)
    elif bundle.runtime == "linear":
        source = LinearSource.from_json(json.loads(data))
        sums = _dense(graph, matrix, np.atleast_2d(source.coefficients).T, source.intercept)
        scores = _linked(graph, sums, source.link)
    elif bundle.runtime == "network":
        scores = _network(graph, matrix, NetworkSource.from_bytes(data))
    else:
        raise BundleError(
            f"a model that runs on {bundle.runtime} cannot be said in ONNX",
            hint="mlwright models export --format mlflow holds every model",
        )
    return _calibrated(graph, scores, bundle.calibration) if bundle.calibration else scores


def _network(graph: Graph, matrix: str, source: NetworkSource) -> str:
    ends = [graph.constant(np.array(limit)) for limit in (-LIMIT, LIMIT)]
    values = graph.add("Clip", [matrix, *ends])
    for place, (weight, bias) in enumerate(source.layers):
        if place:
            values = graph.add("Max", [values, graph.constant(np.array(0.0))])
        values = _dense(graph, values, weight, bias)
    return _linked(graph, values, source.link)


def _dense(graph: Graph, values: str, weight: NDArray[Any], bias: Any) -> str:
    sums = graph.add("MatMul", [values, graph.constant(np.ascontiguousarray(weight, np.float64))])
    return graph.add("Add", [sums, graph.constant(np.atleast_1d(np.asarray(bias, np.float64)))])


def _linked(graph: Graph, sums: str, link: Link) -> str:
    if link == "softmax":
        return graph.add("Softmax", [sums], axis=1)
    line = graph.add("Reshape", [sums, graph.constant(np.array([-1], np.int64))])
    return graph.add("Sigmoid", [line]) if link == "logistic" else line


def _calibrated(graph: Graph, scores: str, calibration: Calibration) -> str:
    if len(calibration.lines) == 1:
        return _drawn(graph, scores, calibration.lines[0])
    columns = []
    flat = graph.constant(np.array([-1, 1], np.int64))
    for place, line in enumerate(calibration.lines):
        column = graph.add("Gather", [scores, graph.constant(np.array(place))], axis=1)
        columns.append(graph.add("Reshape", [_drawn(graph, column, line), flat]))
    drawn = graph.add("Concat", columns, axis=1)
    total = graph.add("ReduceSum", [drawn, graph.constant(np.array([1], np.int64))], keepdims=1)
    return graph.add("Div", [drawn, total])


def _drawn(graph: Graph, scores: str, line: Line) -> str:
    """Return the heights of a line through points, at scores (n,)."""
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    if len(x) < 2:
        nothing = graph.add("Mul", [scores, graph.constant(np.array(0.0))])
        return graph.add("Add", [nothing, graph.constant(np.array(y[0] if len(y) else math.nan))])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(np.diff(x) > 0, np.diff(y) / np.diff(x), 0.0)
    ends = [graph.constant(np.array(float(end))) for end in (x[0], x[-1])]
    inside = graph.add("Clip", [scores, *ends])
    column = graph.add("Reshape", [inside, graph.constant(np.array([-1, 1], np.int64))])
    over = graph.add("GreaterOrEqual", [column, graph.constant(x[None, 1:-1])])
    counted = graph.add("Cast", [over], to=graph.kind(np.int64))
    axis = graph.constant(np.array([1], np.int64))
    place = graph.add("ReduceSum", [counted, axis], keepdims=0)
    start, height, steep = (
        graph.add("Gather", [graph.constant(values), place], axis=0)
        for values in (x[:-1], y[:-1], slope)
    )
    return graph.add("Add", [height, graph.add("Mul", [steep, graph.add("Sub", [inside, start])])])
