"""What stands on one line of each log: a prediction, a routed request's outcome, a label."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mlwright.core.signature import Label

Route = Literal["champion", "candidate", "fallback"]


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """One row's answer. `score` is P(positive), the list of class probabilities, or the value."""

    time: float
    request_id: str
    key: str | None
    model: str
    version: int
    features: dict[str, Any]
    prediction: Label
    score: float | list[float]
    latency_ms: float
    route: Route


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How one request of a rollout ended, on either arm; `weight` is the candidate's share."""

    time: float
    release: int
    key: str | None
    candidate: bool
    ok: bool
    latency_ms: float
    weight: float


class Truth(msgspec.Struct, frozen=True, gc=False):
    """The true label of a request, told afterwards."""

    time: float
    request_id: str
    label: Label


_encoder = msgspec.json.Encoder()


def line(record: Prediction | Outcome | Truth) -> bytes:
    r"""Return the record as one line of JSON.

    >>> line(Truth(1.5, "r1", "Yes"))
    b'{"time":1.5,"request_id":"r1","label":"Yes"}\n'
    """
    return _encoder.encode(record) + b"\n"
