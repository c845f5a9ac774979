"""Our own contract: `POST /predict` takes records and answers with predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mlwright.bundle import schema
from mlwright.core.signature import Label

from ..answers import Answer, Refused, encode, ok
from ..application import Call, Health, Predicted, Route, Work
from ..requests import Reader, check_json, decode
from .described import JSON, ROW, Schema, Subject, media, members, operation, rows_of

_FLAGS = {"true": True, "1": True, "": True, "false": False, "0": False}
REFUSAL = members(
    error={
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "field": {"type": "string"},
            "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            "more": {"type": "integer"},
        },
        "required": ["reason"],
    }
)


class _Row(msgspec.Struct, gc=False):
    prediction: Label
    probability: float | dict[str, float] | msgspec.UnsetType
    explanation: Any
    model_version: int
    request_id: str


class _Body(msgspec.Struct, gc=False):
    predictions: list[_Row]


class Plain:
    """`POST /predict`, and at `/` what a caller must know of the model."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        signature = subject.signature
        self._read = Reader(signature)
        self._names = [schema.named(each) for each in signature.classes]
        self._binary = signature.task == "binary"
        self._about = ok(
            {
                "model": subject.model,
                "version": subject.version,
                **signature.to_json(),
                "predict": "POST /predict",
                "docs": "/docs",
                "example": {"records": [subject.example]},
            }
        )

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the two routes."""
        return {("POST", "/predict"): self.predict, ("GET", "/"): lambda _: self._about}

    def health(self) -> Mapping[str, Health]:
        """Return that the first page answers while the server lives; Azure ML asks there."""
        return {"/": "live"}

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal: the reason, and the reason of every field."""
        return refused.answer()

    def predict(self, call: Call) -> Work:
        """Return the rows of `{"records": [{column: value}]}`."""
        check_json(call)
        explain = _explain(call.query) if call.query else False
        found = self._read(call.body)
        if found is None:
            return Work(decode(call.body), self._reply, explain)
        return Work(found[0], self._reply, explain, found[1])

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the descriptions of the routes."""
        return {("POST", "/predict"): self._predict_path(), ("GET", "/"): _about_path()}

    def _reply(self, predicted: Predicted) -> Answer:
        unset = repeat(msgspec.UNSET)
        shares: Iterable[Any] = predicted.scores if self._binary else unset
        if self._names and not self._binary:
            shares = [dict(zip(self._names, each, strict=True)) for each in predicted.scores]
        explained = unset if predicted.explanations is None else predicted.explanations
        version = repeat(predicted.version)
        rows = map(_Row, predicted.labels, shares, explained, version, predicted.ids)
        return Answer(200, encode(_Body(list(rows))))

    def _predict_path(self) -> Schema:
        signature = self._subject.signature
        each = schema.prediction(signature)
        each["properties"] |= {
            "model_version": {"type": "integer"},
            "request_id": {"type": "string"},
            "explanation": {"type": "object", "description": "with ?explain=true"},
        }
        each["required"] += ["model_version", "request_id"]
        takes = {**members(records=rows_of(ROW)), "additionalProperties": False}
        example = {"records": [self._subject.example]}
        return operation(
            "Predict rows",
            tag="plain",
            takes={JSON: media(takes, example)},
            gives={JSON: media(members(predictions={"type": "array", "items": each}))},
            refuses=REFUSAL,
            parameters=[
                {
                    "name": "explain",
                    "in": "query",
                    "schema": {"type": "boolean"},
                    "description": "add what each column contributed; 422 where the model cannot",
                }
            ],
        )


def _about_path() -> Schema:
    gives = {JSON: media({"type": "object"})}
    return operation("What the model takes, with an example", tag="plain", gives=gives)


def _explain(query: str) -> bool:
    """Return whether `explain` is asked for; other members of a query are not ours."""
    asked = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=None)).get("explain")
    if asked is None:
        return False
    if asked not in _FLAGS:
        raise Refused(422, "query", "", {"explain": "must be true or false"})
    return _FLAGS[asked]
