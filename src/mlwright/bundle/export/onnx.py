"""ONNX of the whole model, columns to labels, where ONNX has a word for all of it.

An input a column, (n, 1): doubles with NaN for a null (booleans are 0 and 1), or strings with ""
for a null. Where the encoding has no exact word (texts, expressions), the graph takes the encoded
features, and the plan stands beside it as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported, plans
from mlwright.bundle.export.graph import Graph, column_input, encoded, scored
from mlwright.bundle.odd_rows import like, odd
from mlwright.bundle.runtimes.onnx import session_of
from mlwright.bundle.trees import CannotCompile
from mlwright.core.errors import BundleError
from mlwright.core.files import write_atomic
from mlwright.core.signature import Signature

TOLERANCE = 1e-6
_MATRIX = "features"

Columns = Mapping[str, NDArray[Any]]


def write(bundle: Bundle, path: Path) -> Exported:
    """Write one graph: of the whole model, or of the model behind the encoding.

    Raises:
        BundleError: not even the model behind the encoding can be said in ONNX.
        MissingExtra: onnx is not installed.
    """
    if bundle.runtime in ("graph", "transformer"):
        write_atomic(path, bundle.files[bundle.facts["model"]])
        if bundle.runtime == "graph":
            return Exported((path,), ("it is the graph that was packaged",))
        plan = plans.beside(bundle, path)
        return Exported((path, plan), ("the graph takes tokens", plans.note(plan)))
    try:
        data = whole(bundle)
        difference = compared(bundle, data)
    except CannotCompile as exc:
        return _behind_encoding(bundle, path, str(exc))
    write_atomic(path, data)
    told = f"compared with the model on its own and odd rows: within {difference:.1g}"
    return Exported((path,), (told, 'nulls: NaN for numbers and booleans, "" for texts'))


def whole(bundle: Bundle) -> bytes:
    """Return the graph from columns to labels.

    Raises:
        CannotCompile: ONNX has no word for a step or for the model.
        BundleError: the model is of a kind that cannot be said in ONNX at all.
    """
    graph = Graph()
    signature = bundle.signature
    inputs = {column.name: column_input(graph, column) for column in signature.inputs}
    features = encoded(graph, bundle.plan, signature, inputs)
    scores = scored(graph, bundle, features)
    outputs = _decided(graph, bundle, scores)
    return graph.finished(list(inputs.values()), outputs)


def _behind_encoding(bundle: Bundle, path: Path, reason: str) -> Exported:
    graph = Graph()
    features = graph.input(_MATRIX, np.float64, len(bundle.plan.features))
    scores = scored(graph, bundle, features)
    write_atomic(path, graph.finished([features], _decided(graph, bundle, scores)))
    plan = plans.beside(bundle, path)
    return Exported((path, plan), (f"not the whole model: {reason}", plans.note(plan)))


def _decided(graph: Graph, bundle: Bundle, scores: str) -> list[tuple[str, type, int | None]]:
    """Add labels and probabilities; return the outputs: name, type, width."""
    signature = bundle.signature
    if signature.task == "regression":
        graph.add("Identity", [scores], output="prediction")
        return [("prediction", np.float64, None)]
    if signature.task == "multiclass":
        place = graph.add("ArgMax", [scores], axis=1, keepdims=0)
        graph.add("Identity", [scores], output="probabilities")
    else:
        limit = 0.5 if bundle.threshold is None else bundle.threshold
        over = graph.add("GreaterOrEqual", [scores, graph.constant(np.array(limit))])
        place = graph.add("Cast", [over], to=graph.kind(np.int64))
        column = graph.add("Reshape", [scores, graph.constant(np.array([-1, 1], np.int64))])
        rest = graph.add("Sub", [graph.constant(np.array(1.0)), column])
        graph.add("Concat", [rest, column], output="probabilities", axis=1)
    labels = _labels(signature)
    graph.add("Gather", [graph.constant(labels), place], output="label", axis=0)
    kind = np.int64 if labels.dtype == np.int64 else np.str_
    return [("label", kind, None), ("probabilities", np.float64, len(signature.classes))]


def _labels(signature: Signature) -> NDArray[Any]:
    if all(type(label) is int for label in signature.classes):
        return np.array(signature.classes, np.int64)
    return np.array([str(label) for label in signature.classes], object)


def compared(bundle: Bundle, data: bytes) -> float:
    """Return the largest difference between the graph's scores and the model's.

    Raises:
        BundleError: it is more than rounding.
        CannotCompile: ONNX Runtime has no kernel for the graph.
    """
    try:
        session = session_of(data)
    except BundleError as exc:
        raise CannotCompile(str(exc)) from exc
    real = like(bundle.profile, bundle.plan, bundle.signature)
    parts = [real, *odd(bundle.plan, bundle.signature, real)]
    columns = {n: np.concatenate([part[n] for part in parts]) for n in bundle.signature.names}
    expected = bundle.model().scores(columns)
    output = "prediction" if bundle.signature.task == "regression" else "probabilities"
    found = session.run([output], tensors(columns))[0]
    if bundle.signature.task == "binary":
        found = found[:, 1]
    size = np.maximum(1.0, np.abs(expected)) if bundle.signature.task == "regression" else 1.0
    gap = np.abs(found - expected) / size
    both_null = np.isnan(found) & np.isnan(expected)
    largest = float(np.where(both_null, 0.0, np.nan_to_num(gap, nan=np.inf)).max(initial=0.0))
    if largest > TOLERANCE:
        raise BundleError(
            f"the ONNX graph differs from the model by up to {largest:.3g}",
            hint="report it; mlwright models export --format mlflow is the model itself",
        )
    return largest


def tensors(columns: Columns) -> dict[str, NDArray[Any]]:
    """Return columns as the graph takes them."""
    return {
        name: np.array([["" if v is None else v] for v in values.tolist()], object)
        if values.dtype == object
        else np.asarray(values, np.float64)[:, None]
        for name, values in columns.items()
    }
