"""`/ping` and `POST /invocations`: the paths that MLflow and SageMaker have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..answers import Answer, Refused
from ..application import Call, Health, Predicted, Route, Row, Work
from . import mlflow, sagemaker
from .bodies import as_rows, read_json, shape
from .described import JSON, Schema, Subject, media, members, operation
from .outputs import Output, output_of, output_schema

MLFLOW = "3.17.2"
"""The version of MLflow whose scoring protocol this is; clients may ask."""

TEXT = "text/plain"
_PAGES = {"/ping": b"\n", "/health": b"\n", "/version": MLFLOW.encode()}


class Invocations:
    """MLflow's scoring server and SageMaker's container contract."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._signature = subject.signature

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the routes of both."""
        pages = {("GET", path): partial(_page, body) for path, body in _PAGES.items()}
        return {**pages, ("POST", "/invocations"): self.invocations}

    def health(self) -> Mapping[str, Health]:
        """Return the two paths that tell whether the server is ready."""
        return {"/ping": "ready", "/health": "ready"}

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal as MLflow writes it; SageMaker passes any on."""
        return mlflow.refusal(refused)

    def invocations(self, call: Call) -> Work:
        """Return the rows of a body, by its content type."""
        write = sagemaker.writer(call)
        rows, wanted = self._read(call)

        def reply(predicted: Predicted) -> Answer:
            return write(predicted, wanted)

        return Work(rows, reply)

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the descriptions of the routes."""
        plain = {TEXT: media({"type": "string"})}
        pages = {
            ("GET", "/ping"): operation("Whether the server is ready", tag="mlflow", gives=plain),
            ("GET", "/health"): operation("The same", tag="mlflow", gives=plain),
            ("GET", "/version"): operation("MLflow's version", tag="mlflow", gives=plain),
        }
        return {**pages, ("POST", "/invocations"): self._described()}

    def _read(self, call: Call) -> tuple[list[Row], Output]:
        kind, parameters = sagemaker.content_type(call)
        if kind == sagemaker.CSV:
            _check_charset(parameters)
            return sagemaker.from_csv(call.body, self._signature, parameters.get("header")), "both"
        if sagemaker.is_lines(kind):
            return sagemaker.from_lines(call.body, self._signature), "both"
        body = _json(call)
        if isinstance(body, list):
            return as_rows(body, self._signature.names, "body"), "both"
        if not isinstance(body, dict):
            raise shape("body", "must be a JSON object or an array of rows")
        wanted = output_of(body.get("params"), self._signature, "params")
        return mlflow.rows_in(body, self._signature), wanted

    def _described(self) -> Schema:
        subject = self._subject
        each = output_schema(subject.signature, of_predicted=True)
        text = {"schema": {"type": "string"}}
        return operation(
            "Predict rows",
            tag="mlflow, sagemaker",
            takes={
                JSON: media(mlflow.body_schema(subject), mlflow.example(subject)),
                sagemaker.CSV: text,
                sagemaker.LINES: text,
            },
            gives={
                JSON: media(members(predictions={"type": "array", "items": each})),
                sagemaker.CSV: text,
                sagemaker.LINES: text,
            },
            refuses=mlflow.REFUSAL,
            statuses={"406": "no format of an answer that Accept names"},
        )


def _page(body: bytes, _: Call) -> Answer:
    return Answer(200, body, content_type=TEXT.encode())


def _json(call: Call) -> Any:
    try:
        return read_json(call)
    except Refused as refused:
        if refused.status != 415:
            raise
        reason = f"must be {JSON}, {sagemaker.CSV} or {sagemaker.LINES}"
        raise Refused(415, "content_type", "", {"Content-Type": reason}) from None


def _check_charset(parameters: Mapping[str, str]) -> None:
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise Refused(415, "content_type", "", {"Content-Type": "must have charset utf-8"})
