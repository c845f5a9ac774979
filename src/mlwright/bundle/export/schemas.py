"""A model's rows and predictions as JSON Schema, and as Protocol Buffers messages."""

from __future__ import annotations

import re
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported
from mlwright.bundle.schema import document
from mlwright.core.files import write_atomic, write_json
from mlwright.core.signature import Kind, Signature

_TYPES: dict[Kind, str] = {
    "number": "double",
    "category": "string",
    "boolean": "bool",
    "text": "string",
}
_FIRST_RESERVED, _LAST_RESERVED = 19_000, 19_999


def json_schema(bundle: Bundle, path: Path) -> Exported:
    """Write the JSON Schema of a row and of a prediction."""
    write_json(path, document(bundle.signature, name=bundle.name))
    return Exported((path,))


def proto(bundle: Bundle, path: Path) -> Exported:
    """Write a `.proto` file with the messages Row and Prediction."""
    write_atomic(path, proto_text(bundle.signature, bundle.name))
    return Exported((path,))


def proto_text(signature: Signature, name: str) -> str:
    """Return the messages; a column's own name is its name in JSON.

    >>> from mlwright.core.signature import Column
    >>> text = proto_text(Signature((Column("Paid?", "boolean"),), "regression", "x"), "a-b")
    >>> 'optional bool paid = 1 [json_name = "Paid?"];' in text
    True
    """
    fields = [
        f"  optional {_TYPES[column.kind]} {field} = {_number(place)} "
        f"[json_name = {_quoted(column.name)}];"
        for place, (column, field) in enumerate(
            zip(signature.inputs, _fields(signature.names), strict=True)
        )
    ]
    return "\n".join(
        [
            'syntax = "proto3";',
            "",
            f"package {_identifier(name, 'model')};",
            "",
            "// What the model takes. A field that is not set is a null.",
            "message Row {",
            *fields,
            "}",
            "",
            "// What it answers.",
            "message Prediction {",
            *_answer(signature),
            "}",
            "",
        ]
    )


def _answer(signature: Signature) -> list[str]:
    kinds = {bool: "bool", int: "int64", float: "double", str: "string"}
    if signature.task == "regression":
        return ["  double prediction = 1;"]
    label = kinds[type(signature.classes[0])]
    if signature.task == "binary":
        return [
            f"  {label} prediction = 1;",
            f"  // Of the class {_plain(str(signature.positive))}.",
            "  double probability = 2;",
        ]
    return [
        f"  {label} prediction = 1;",
        "  // Class to probability.",
        "  map<string, double> probability = 2;",
    ]


def _fields(names: tuple[str, ...]) -> list[str]:
    """Return an identifier for each column; none twice."""
    found: list[str] = []
    for place, name in enumerate(names):
        field = _identifier(name, f"column_{place}")
        # "a_b" and "aB" are one name to protoc, which writes both as aB in JSON.
        taken = {each.replace("_", "") for each in found}
        found.append(field if field.replace("_", "") not in taken else f"{field}_{place}x")
    return found


def _identifier(name: str, otherwise: str) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not found:
        return otherwise
    return found if found[0].isalpha() else f"c_{found}"


def _number(place: int) -> int:
    number = place + 1
    return number if number < _FIRST_RESERVED else number + _LAST_RESERVED - _FIRST_RESERVED + 1


def _quoted(name: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in name)
    return f'"{escaped}"'


def _plain(text: str) -> str:
    return " ".join(text.split())
