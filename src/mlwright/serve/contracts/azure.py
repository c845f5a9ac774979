"""Azure ML's contract: `POST /score`; it asks `GET /` whether the server lives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..answers import Answer, Refused, ok
from ..application import Call, Health, Predicted, Route, Row, Work
from .bodies import as_rows, from_split, read_object, shape
from .described import (
    JSON,
    ROW,
    Schema,
    Subject,
    media,
    members,
    operation,
    ordered,
    rows_of,
    some,
    split_of,
)
from .outputs import Output, output_of, output_schema, outputs, params_schema
from .plain import REFUSAL

_FIELDS = ("data", "input_data", "Inputs")
_PARAMS = ("params", "GlobalParameters")


class Azure:
    """`POST /score` with the bodies of Azure's scoring scripts, its MLflow models and AutoML."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the routes."""
        return {("POST", "/score"): self.score, ("GET", "/ready"): _ready}

    def health(self) -> Mapping[str, Health]:
        """Return the path for a readiness route; liveness is `/`."""
        return {"/ready": "ready"}

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal in our own shape; Azure passes on any."""
        return refused.answer()

    def score(self, call: Call) -> Work:
        """Return the rows of `data`, `input_data` or `Inputs`; the answer is an array."""
        body = read_object(call)
        found = [name for name in _FIELDS if name in body]
        if len(found) != 1:
            raise shape("body", f"must have exactly one of {', '.join(_FIELDS)}")
        named = next((name for name in _PARAMS if name in body), _PARAMS[0])
        wanted = output_of(body.get(named), self._subject.signature, named)
        rows = self._rows(body[found[0]], found[0])
        return Work(rows, partial(_reply, wanted, found[0] == "Inputs"))

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the descriptions of the routes."""
        signature, row = self._subject.signature, self._subject.example
        takes = members(data=rows_of(some(ROW, ordered(signature.inputs))))
        takes["properties"]["params"] = params_schema(signature)
        example = {"input_data": {"columns": list(row), "index": [0], "data": [list(row.values())]}}
        split = members(input_data=split_of(signature.inputs))
        split["properties"]["params"] = params_schema(signature)
        gives = {"type": "array", "items": output_schema(signature)}
        score = operation(
            "Predict rows",
            tag="azure",
            takes={JSON: media(some(takes, split), example)},
            gives={JSON: media(gives)},
            refuses=REFUSAL,
        )
        ready = operation("Whether the server is ready", tag="azure", gives={JSON: media({})})
        return {("POST", "/score"): score, ("GET", "/ready"): ready}

    def _rows(self, value: Any, field: str) -> list[Row]:
        names = self._subject.signature.names
        if isinstance(value, dict) and "columns" in value:
            return from_split(value, field)
        if isinstance(value, dict) and set(value) == {"data"}:
            return as_rows(value["data"], names, f"{field}.data")
        return as_rows(value, names, field)


def _reply(wanted: Output, automl: bool, predicted: Predicted) -> Answer:
    found = outputs(predicted, wanted)
    return ok({"Results": found} if automl else found)


def _ready(_: Call) -> Answer:
    return ok({"status": "ready"})
