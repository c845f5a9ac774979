"""The JSON Schema (2020-12) of a model's rows and predictions, made from its signature.

One place for what the server's OpenAPI document says and what `models export --format jsonschema`
writes: call `document` for the export, `row` and `prediction` for parts of a larger schema.
"""

from __future__ import annotations

import sys
from typing import Any

from mlwright.core.signature import Column, Label, Signature

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LARGEST = sys.float_info.max
_TYPES = {"number": "number", "category": "string", "text": "string", "boolean": "boolean"}


def document(signature: Signature, *, name: str) -> dict[str, Any]:
    """Return a schema that stands by itself: `$defs/row` goes in, `$defs/prediction` comes out.

    >>> document(Signature((), "regression", "price"), name="homes")["title"]
    'homes'
    """
    return {
        "$schema": DIALECT,
        "title": name,
        "type": "object",
        "properties": {
            "input": {"$ref": "#/$defs/row"},
            "output": {"$ref": "#/$defs/prediction"},
        },
        "$defs": {"row": row(signature), "prediction": prediction(signature)},
    }


def row(signature: Signature) -> dict[str, Any]:
    """Return the schema of one row: every column is required, further ones are let through.

    >>> row(Signature((Column("plan", "category", nullable=True),), "regression", "price"))
    {'type': 'object', 'properties': {'plan': {'type': ['string', 'null']}}, 'required': ['plan']}
    """
    return {
        "type": "object",
        "properties": {column.name: value(column) for column in signature.inputs},
        "required": list(signature.names),
    }


def value(column: Column) -> dict[str, Any]:
    """Return the schema of one value of a column.

    >>> value(Column("active", "boolean"))
    {'type': 'boolean'}
    """
    kind = _TYPES[column.kind]
    found: dict[str, Any] = {"type": [kind, "null"] if column.nullable else kind}
    if kind == "number":
        found |= {"minimum": -_LARGEST, "maximum": _LARGEST}
    return found


def prediction(signature: Signature) -> dict[str, Any]:
    """Return the schema of one prediction: the label, and its probability for classifiers.

    >>> prediction(Signature((), "regression", "price"))["required"]
    ['prediction']
    """
    properties = {"prediction": label(signature)}
    if signature.task != "regression":
        properties["probability"] = probability(signature)
    return {"type": "object", "properties": properties, "required": list(properties)}


def label(signature: Signature) -> dict[str, Any]:
    """Return the schema of a predicted label, or of the value of a regression."""
    if signature.task == "regression":
        return {"type": "number"}
    return {"enum": list(signature.classes)}


def probability(signature: Signature) -> dict[str, Any]:
    """Return the schema of P(positive), or of an object of class to probability."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    if signature.task == "binary":
        return {**share, "description": f"of the class {signature.positive}"}
    names = [named(each) for each in signature.classes]
    return {"type": "object", "properties": dict.fromkeys(names, share), "required": names}


def named(each: Label) -> str:
    """Return a class as the name of a JSON object's member."""
    return str(each)
