"""Vertex AI's contract: the paths that its variables name, `instances` in, `predictions` out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..answers import Answer, Refused, ok
from ..application import Call, Health, Predicted, Route, Work
from .bodies import as_rows, read_object, shape
from .described import JSON, ROW, Schema, Subject, media, members, operation, ordered, rows_of, some
from .outputs import Output, output_of, output_schema, outputs, params_schema
from .plain import REFUSAL


class Vertex:
    """`AIP_PREDICT_ROUTE` and `AIP_HEALTH_ROUTE`, else Vertex's own default paths."""

    def __init__(self, subject: Subject) -> None:
        base = f"/v1/models/{subject.model}"
        self._subject = subject
        self._predict = _path(subject.environment.get("AIP_PREDICT_ROUTE"), f"{base}:predict")
        self._health = _path(subject.environment.get("AIP_HEALTH_ROUTE"), base)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the two routes."""
        return {("GET", self._health): _healthy, ("POST", self._predict): self.predict}

    def health(self) -> Mapping[str, Health]:
        """Return the path of the health check."""
        return {self._health: "ready"}

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal in our own shape; Vertex passes on any."""
        return refused.answer()

    def predict(self, call: Call) -> Work:
        """Return the rows of `{"instances": [...], "parameters": {...}}`."""
        body = read_object(call)
        if "instances" not in body:
            raise shape("instances", "is missing")
        signature = self._subject.signature
        wanted = output_of(body.get("parameters"), signature, "parameters")
        rows = as_rows(body["instances"], signature.names, "instances")
        return Work(rows, partial(_reply, wanted))

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the descriptions of the routes."""
        signature = self._subject.signature
        takes = members(instances=rows_of(some(ROW, ordered(signature.inputs))))
        takes["properties"]["parameters"] = params_schema(signature)
        gives = members(predictions={"type": "array", "items": output_schema(signature)})
        predict = operation(
            "Predict instances",
            tag="vertex",
            takes={JSON: media(takes, {"instances": [self._subject.example]})},
            gives={JSON: media(gives)},
            refuses=REFUSAL,
        )
        healthy = operation("Whether the server is ready", tag="vertex", gives={JSON: media({})})
        return {("GET", self._health): healthy, ("POST", self._predict): predict}


def _reply(wanted: Output, predicted: Predicted) -> Answer:
    return ok({"predictions": outputs(predicted, wanted)})


def _healthy(_: Call) -> Answer:
    return ok({"status": "ready"})


def _path(named: str | None, default: str) -> str:
    return named if named and named.startswith("/") else default
