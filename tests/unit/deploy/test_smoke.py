from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import GateFailed, RemoteError
from mlwright.core.signature import Column, Signature
from mlwright.deploy.smoke import agrees, smoke
from mlwright.serve.client import Response
from mlwright.testing.target import sample_bundle

INPUTS = (Column("x", "number"),)
BINARY = Signature(INPUTS, "binary", "y", ("No", "Yes"))
MANY = Signature(INPUTS, "multiclass", "y", (1, 2, 3))
NUMBER = Signature(INPUTS, "regression", "y")


class Server:
    """A client whose server gives one answer to everything."""

    def __init__(self, answer: Response | RemoteError) -> None:
        self.answer = answer
        self.bodies: list[Any] = []

    async def request(
        self, _method: str, _path: str, body: bytes, _headers: Mapping[str, str], *, timeout: float
    ) -> Response:
        self.bodies.append(json.loads(body))
        if isinstance(self.answer, RemoteError):
            raise self.answer
        return self.answer


def answered(bundle: Bundle, **changes: Any) -> Response:
    rows = [
        {"prediction": s["prediction"], "probability": s["score"], **changes}
        for s in bundle.samples
    ]
    return Response(200, {}, json.dumps({"predictions": rows}).encode())


def run(answer: Response | RemoteError, bundle: Bundle) -> int:
    return asyncio.run(smoke(Server(answer), bundle))  # type: ignore[arg-type]


def test_every_sample_is_sent_and_compared(tmp_path: Path) -> None:
    bundle = sample_bundle(tmp_path)
    server = Server(answered(bundle))
    assert asyncio.run(smoke(server, bundle)) == 2  # type: ignore[arg-type]
    assert server.bodies == [{"records": [{"x": -3.0}, {"x": 4.5}]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"prediction": "Yes"},
            "the smoke test got other predictions than the bundle holds for 1 of 2 sample rows, "
            "the first of them row 0",
        ),
        (
            {"probability": 0.5},
            "the smoke test got other predictions than the bundle holds for 2 of 2 sample rows, "
            "the first of them row 0",
        ),
    ],
)
def test_another_answer_fails(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    bundle = sample_bundle(tmp_path)
    with pytest.raises(GateFailed) as caught:
        run(answered(bundle, **change), bundle)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Response(500, {}, b"{}"), "the smoke test was answered with HTTP 500"),
        (
            Response(200, {}, b'{"predictions": []}'),
            "the smoke test sent 2 rows and got 0 back",
        ),
        (RemoteError("it sleeps"), "the smoke test got no answer: it sleeps"),
        (Response(200, {}, b"<html>"), "the smoke test got an answer that cannot be read"),
        (Response(200, {}, b'{"rows": 3}'), "the smoke test got an answer that cannot be read"),
    ],
)
def test_no_proper_answer_fails(
    tmp_path: Path, answer: Response | RemoteError, message: str
) -> None:
    with pytest.raises(GateFailed) as caught:
        run(answer, sample_bundle(tmp_path))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("signature", "sample", "answer", "equal"),
    [
        (BINARY, ("Yes", 0.7), ("Yes", 0.7 + 9e-7), True),
        (BINARY, ("Yes", 0.7), ("Yes", 0.7 + 2e-6), False),
        (BINARY, ("Yes", 0.7), ("No", 0.7), False),
        (MANY, (2, [0.1, 0.7, 0.2]), (2, {"1": 0.1, "2": 0.7, "3": 0.2}), True),
        (MANY, (2, [0.1, 0.7, 0.2]), (2, {"1": 0.2, "2": 0.7, "3": 0.1}), False),
        (MANY, (2, [0.1, 0.7, 0.2]), (2, {"1": 0.1, "2": 0.7}), False),
        (NUMBER, (1e9, 1e9), (1e9 + 1, None), True),
        (NUMBER, (1.0, 1.0), (1.001, None), False),
    ],
)
def test_what_agrees(
    signature: Signature, sample: tuple[Any, Any], answer: tuple[Any, Any], equal: bool
) -> None:
    held = {"prediction": sample[0], "score": sample[1]}
    given = {"prediction": answer[0], "probability": answer[1]}
    assert agrees(signature, held, given) is equal
