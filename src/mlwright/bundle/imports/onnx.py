"""An ONNX graph: no data outside its folder, no operators of others.

A graph that takes one matrix is framed so that the runtime of our own graphs runs it. One that
takes a tensor a column runs as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.foreign import as_scores
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.plan import Floats, NumberStep, Plan
from mlwright.bundle.runtimes.onnx import session_of
from mlwright.bundle.sources import ExportedSource, FileSource
from mlwright.core.backends import require
from mlwright.core.errors import BundleError, ConfigError
from mlwright.core.signature import Kind, Label, Signature, Task

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_PACKAGES = ("numpy", "onnxruntime")
_FLOATS = ("tensor(float)", "tensor(double)")
_LABELS = ("tensor(int64)", "tensor(string)")
_KINDS: dict[str, Kind] = {
    **dict.fromkeys((*_FLOATS, "tensor(int64)", "tensor(int32)"), "number"),
    "tensor(bool)": "boolean",
    "tensor(string)": "category",
}
_SINGLE = 1e-5
_ROWS = 500


def read(where: str, asked: Asked) -> Incoming:
    """Read a graph.

    Raises:
        BundleError: it is none, or holds what is not run here.
        ConfigError, DataError: see `settled`.
        MissingExtra: onnx is not installed.
    """
    onnx = require("onnx", extra="train", needed_by="an ONNX model")
    model = _checked(Path(where), onnx)
    _without_maps(model)
    session = session_of(model.SerializeToString(deterministic=True))
    inputs = session.get_inputs()
    output = _output(session, asked)
    task, classes = _answers(model, session)
    matrix = inputs[0] if len(inputs) == 1 and _is_matrix(inputs[0]) else None
    if matrix is not None:
        width = matrix.shape[1]
        signature = settled(
            asked,
            count=width if isinstance(width, int) else None,
            kinds="number",
            only_where_null=True,
            task=task,
            classes=classes,
        )
        return _framed(model, session, output, signature, asked, onnx)
    kinds = {each.name: _kind(each) for each in inputs}
    signature = settled(
        asked, names=list(kinds), kinds=kinds, only_where_null=True, task=task, classes=classes
    )
    data = bytes(model.SerializeToString(deterministic=True))
    params = {"link": asked.link, "output": output}
    source = FileSource("graph", "model.onnx", data, _PACKAGES)
    return Incoming("onnx", signature, Plan(()), source, params=params)


def _checked(path: Path, onnx: Any) -> Any:
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        onnx.checker.check_model(model, full_check=False) if not _outside(model, onnx) else None
    except Exception as exc:  # onnx and protobuf have no common base class
        raise BundleError(
            f"{path} is no ONNX model, or is cut off: {type(exc).__name__}",
            hint="export it again",
        ) from exc
    own = {function.domain for function in model.functions}
    nodes = [node for part in (model.graph, *model.functions) for node in _nodes(part)]
    strange = {node.domain for node in nodes} - set(_DOMAINS) - own
    if strange:
        raise BundleError(
            f"{path} uses operators of {', '.join(sorted(strange))}, which are code of others",
            hint="export it with standard operators alone",
        )
    for tensor in _outside(model, onnx):
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        if not all(_lies_in(path.parent, place) for place in places):
            raise BundleError(
                f"{path} keeps weights outside its folder",
                hint="save it as one file: onnx.save(model, path)",
            )
    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except Exception as exc:  # a file that is missing or too short, in several ways
        raise BundleError(
            f"the weights beside {path} cannot be read: {type(exc).__name__}",
            hint="save it as one file: onnx.save(model, path)",
        ) from exc
    return model


def _lies_in(folder: Path, place: str) -> bool:
    file = folder / place
    return not file.is_symlink() and file.resolve().is_relative_to(folder.resolve())


def _outside(model: Any, onnx: Any) -> list[Any]:
    helper = onnx.external_data_helper
    return [t for t in helper._get_all_tensors(model) if helper.uses_external_data(t)]


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else []
            for each in (*inner, *attribute.graphs):
                yield from _nodes(each)


def _without_maps(model: Any) -> None:
    """Take ZipMap away, which makes a Python dict a row of what was a matrix."""
    for node in [n for n in model.graph.node if n.op_type == "ZipMap"]:
        (out,) = [o for o in model.graph.output if o.name == node.output[0]]
        out.name = node.input[0]
        out.type.tensor_type.elem_type = 1  # float
        model.graph.node.remove(node)


def _is_matrix(each: Any) -> bool:
    return len(each.shape) == 2 and each.type in _FLOATS and each.shape[1] != 1


def _kind(each: Any) -> Kind:
    if each.type not in _KINDS or len(each.shape) > 2:
        raise BundleError(
            f"the graph's input {each.name!r} is a {each.type} of {len(each.shape)} dimensions, "
            "no column of a table",
            hint="export it with one matrix of floats, or one input a column",
        )
    return _KINDS[each.type]


def _output(session: Any, asked: Asked) -> str:
    found: list[str] = [e.name for e in session.get_outputs() if e.type in _FLOATS]
    if asked.output:
        found = [name for name in found if name == asked.output]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in session.get_outputs())
    raise ConfigError(
        f"which output of the graph holds the scores is not clear; it has: {names}",
        hint="name the one that holds floats: --output-name NAME",
    )


def _answers(model: Any, session: Any) -> tuple[Task | None, tuple[Label, ...]]:
    """Return task and classes, where the graph has an output of labels beside the scores."""
    labels = [each for each in session.get_outputs() if each.type in _LABELS]
    if len(labels) != 1:
        return None, ()
    for node in _nodes(model.graph):
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
                found = [each.decode() for each in attribute.strings] or list(attribute.ints)
                if len(found) > 1:
                    return ("binary" if len(found) == 2 else "multiclass"), tuple(found)
    return None, ()


class _Original:
    """The graph as it came, with what we make of its answer."""

    def __init__(self, session: Any, output: str, signature: Signature, link: str) -> None:
        self._session = session
        self._output = output
        (given,) = session.get_inputs()
        self._name = given.name
        self._type = np.float32 if given.type == "tensor(float)" else np.float64
        self._signature = signature
        self._link = link

    def answer(self, matrix: Floats) -> Any:
        with np.errstate(over="ignore"):
            given = {self._name: matrix.astype(self._type)}
        return self._session.run([self._output], given)[0]

    def scores(self, matrix: Floats) -> Floats:
        return as_scores(self.answer(matrix), self._signature, rows=len(matrix), link=self._link)


def _framed(
    model: Any, session: Any, output: str, signature: Signature, asked: Asked, onnx: Any
) -> Incoming:
    original = _Original(session, output, signature, asked.link)
    rows = np.random.default_rng(0).normal(size=(3, len(signature.inputs)))
    try:
        answer = original.answer(rows)
    except Exception as exc:  # onnxruntime has no common base class
        raise BundleError(
            f"the graph fails on a matrix of {rows.shape[1]} columns",
            hint="name the columns that it takes, in its order: --columns a,b,c",
        ) from exc
    original.scores(rows)
    data = _frame(model, output, answer, signature, asked.link, onnx)
    source = ExportedSource(
        "onnx", "model.onnx", data, _PACKAGES, original=original, tolerance=_SINGLE, rows=_ROWS
    )
    plan = Plan(tuple(NumberStep(name) for name in signature.names))
    return Incoming("onnx", signature, plan, source, params={"link": asked.link})


def _frame(
    model: Any, output: str, answer: Any, signature: Signature, link: str, onnx: Any
) -> bytes:
    """Return the graph from a matrix `x` of doubles to our `scores`."""
    helper, proto = onnx.helper, onnx.TensorProto
    inner = onnx.compose.add_prefix(model, "model/")
    graph = inner.graph
    kept = {tensor.name for tensor in graph.initializer}
    (given,) = [each for each in graph.input if each.name not in kept]
    kind = given.type.tensor_type.elem_type
    node = helper.make_node
    before = [node("Cast", ["x"], [given.name], to=kind)]
    after = [node("Cast", [f"model/{output}"], ["wide"], to=proto.DOUBLE)]
    name = "wide"
    if link == "softmax" and answer.ndim == 2:
        after.append(node("Softmax", [name], ["shares"], axis=1))
        name = "shares"
    if answer.ndim == 2 and answer.shape[1] == 2 and signature.task == "binary":
        after.append(node("Gather", [name, "last"], ["column"], axis=1))
        name = "column"
    if signature.task != "multiclass":
        after.append(node("Reshape", [name, "flat"], ["line"]))
        name = "line"
    if link == "logistic":
        after.append(node("Sigmoid", [name], ["shared"]))
        name = "shared"
    after.append(node("Identity", [name], ["scores"]))
    used = {n for each in after for n in each.input}
    constants = {"flat": np.array([-1], np.int64), "last": np.array([1], np.int64)}
    wide: list[Any] = [None] if signature.task != "multiclass" else [None, len(signature.classes)]
    made = helper.make_graph(
        [*before, *graph.node, *after],
        "model",
        [helper.make_tensor_value_info("x", proto.DOUBLE, [None, len(signature.inputs)])],
        [helper.make_tensor_value_info("scores", proto.DOUBLE, wide)],
        [
            *graph.initializer,
            *(onnx.numpy_helper.from_array(v, n) for n, v in constants.items() if n in used),
        ],
    )
    made.sparse_initializer.extend(graph.sparse_initializer)
    versions = list(inner.opset_import)
    if not any(each.domain in ("", "ai.onnx") for each in versions):
        versions.append(helper.make_opsetid("", 15))
    whole = helper.make_model(
        made, opset_imports=versions, ir_version=inner.ir_version, producer_name="mlwright"
    )
    whole.functions.extend(inner.functions)
    return bytes(whole.SerializeToString(deterministic=True))
