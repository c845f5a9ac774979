"""An inference of the Open Inference Protocol: the tensors that come in to rows, and back out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from mlwright.core.signature import Column, Signature

from ..answers import Refused
from ..application import Predicted, Row
from .bodies import shape, transposed
from .tensors import DATATYPES, Misfit, from_bytes, from_json, size

DATATYPE = {"number": "FP64", "category": "BYTES", "text": "BYTES", "boolean": "BOOL"}


class Input(msgspec.Struct):
    """A tensor that came in: `data` is an array, or bytes when they came after the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: Any = None


class Output(NamedTuple):
    """A tensor that goes out."""

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]


def rows_of_inputs(inputs: Sequence[Input], signature: Signature) -> list[Row]:
    """Return rows made of one tensor a column, or of one tensor that holds all numbers.

    Raises:
        Refused: 422 naming every tensor that is wrong, 413 for too many rows.
    """
    problems: dict[str, str] = {}
    columns: dict[str, list[Any]] = {}
    matrix = _is_matrix(inputs, signature)
    for tensor in inputs:
        if tensor.name in columns:
            problems[tensor.name] = "stands twice"
            continue
        try:
            columns[tensor.name] = _values(tensor)
            if not matrix and len(tensor.shape) == 2 and tensor.shape[1] != 1:
                raise Misfit(f"must have the shape [{tensor.shape[0]}] or [{tensor.shape[0]}, 1]")
        except Misfit as exc:
            problems[tensor.name] = str(exc)
    if problems:
        raise Refused(422, "tensor", "", problems)
    if matrix:
        (values,) = columns.values()
        width = len(signature.names)
        parts = [values[place::width] for place in range(width)]
        return transposed(signature.names, parts, inputs[0].name)
    _check_lengths(columns)
    return transposed(columns.keys(), columns.values(), "inputs")


def outputs_of(predicted: Predicted) -> list[Output]:
    """Return the two outputs: `prediction`, and for classifiers `probability`."""
    signature, rows = predicted.signature, len(predicted.labels)
    kind = label_datatype(signature)
    labels = [str(each) for each in predicted.labels] if kind == "BYTES" else predicted.labels
    found = [Output("prediction", kind, [rows], list(labels))]
    if signature.task == "binary":
        found.append(Output("probability", "FP64", [rows], predicted.scores))
    elif signature.task == "multiclass":
        flat = [share for row in predicted.scores for share in row]
        found.append(Output("probability", "FP64", [rows, len(signature.classes)], flat))
    return found


def label_datatype(signature: Signature) -> str:
    """Return the datatype of `prediction`: that of the classes where they have one, else BYTES."""
    kinds = set(map(type, signature.classes))
    if signature.task == "regression" or kinds == {float}:
        return "FP64"
    return {bool: "BOOL", int: "INT64"}.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"


def described_input(column: Column) -> dict[str, Any]:
    """Return the metadata of a column's tensor."""
    return {"name": column.name, "datatype": DATATYPE[column.kind], "shape": [-1]}


def described_outputs(signature: Signature) -> list[dict[str, Any]]:
    """Return the metadata of the outputs; the classes stand in the order of their columns."""
    kind = label_datatype(signature)
    found: list[dict[str, Any]] = [{"name": "prediction", "datatype": kind, "shape": [-1]}]
    if signature.task == "regression":
        return found
    many = signature.task == "multiclass"
    wide = [-1, len(signature.classes)] if many else [-1]
    classes = list(signature.classes) if many else [signature.positive]
    about = {"classes": [str(each) for each in classes]}
    found.append({"name": "probability", "datatype": "FP64", "shape": wide, "parameters": about})
    return found


def _is_matrix(inputs: Sequence[Input], signature: Signature) -> bool:
    """Say whether the request is one tensor [rows, columns] for a model of numbers alone."""
    return (
        len(inputs) == 1
        and inputs[0].name not in signature.names
        and len(inputs[0].shape) == 2
        and inputs[0].shape[1] == len(signature.names)
        and all(column.kind == "number" for column in signature.inputs)
    )


def _values(tensor: Input) -> list[Any]:
    if tensor.datatype not in DATATYPES:
        raise Misfit(f"must have one of the datatypes {', '.join(DATATYPES)}")
    size(tensor.shape)
    if isinstance(tensor.data, bytes):
        return from_bytes(tensor.data, tensor.datatype, tensor.shape)
    return from_json(tensor.data, tensor.datatype, tensor.shape)


def _check_lengths(columns: Mapping[str, list[Any]]) -> None:
    if not columns:
        raise shape("inputs", "holds no tensor")
    first, wanted = next((name, len(each)) for name, each in columns.items())
    odd = {
        name: f"has {len(each)} rows, {first} has {wanted}"
        for name, each in columns.items()
        if len(each) != wanted
    }
    if odd:
        raise Refused(422, "tensor", "", odd)
