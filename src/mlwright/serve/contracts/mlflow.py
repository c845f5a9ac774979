"""MLflow's scoring protocol: what a body of `POST /invocations` holds, and its errors.

The shapes are those of `mlflow.pyfunc.scoring_server` (MLflow 3.17); the answer equals what
`mlflow models serve` gives for the same bundle.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from mlwright.core.signature import Signature

from ..answers import Answer, Refused, encode
from ..application import Row
from .bodies import as_rows, checked, from_columns, from_split, shape
from .described import ROW, Schema, Subject, members, ordered, rows_of, some, split_of
from .outputs import params_schema

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_CODES = {
    401: "UNAUTHENTICATED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
REFUSAL = members(error_code={"type": "string"}, message={"type": "string"})


def rows_in(body: dict[str, Any], signature: Signature) -> list[Row]:
    """Return the rows of a body that has exactly one of the four formats.

    Raises:
        Refused: 422 naming what is wrong, 413 for too many rows.
    """
    found = [name for name in FORMATS if name in body]
    if len(found) != 1:
        raise shape("body", f"must have exactly one of {', '.join(FORMATS)}")
    name = found[0]
    value = body[name]
    if name == "dataframe_split":
        return from_split(value, name)
    if name == "dataframe_records":
        return _records(value, name)
    if name == "inputs" and isinstance(value, dict):
        return from_columns(value, name)
    return as_rows(value, signature.names, name)


def refusal(refused: Refused) -> Answer:
    """Return a refusal as `{"error_code", "message"}`."""
    message = "; ".join(f"{name}: {reason}" for name, reason in refused.shown().items())
    code = _CODES.get(refused.status, "BAD_REQUEST")
    body = {"error_code": code, "message": message or refused.reason}
    return replace(refused.answer(), body=encode(body))


def body_schema(subject: Subject) -> Schema:
    """Return the schema of a JSON body."""
    signature = subject.signature
    rows = rows_of(some(ROW, ordered(signature.inputs)))
    params = params_schema(signature)
    choices = {
        "dataframe_split": split_of(signature.inputs),
        "dataframe_records": rows_of(ROW),
        "instances": rows,
        "inputs": {**rows, "description": "or an object of column to array"},
    }
    return some(
        *(
            {
                "type": "object",
                "properties": {name: each, "params": params},
                "required": [name],
            }
            for name, each in choices.items()
        )
    )


def example(subject: Subject) -> dict[str, Any]:
    """Return a body to try: the sample row as pandas writes it."""
    row = subject.example
    return {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}


def _records(value: Any, field: str) -> list[Row]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise shape(field, "must be an array of objects")
    return checked(value, field)
