"""What stands on one line of each log: a prediction, a routed request's outcome, a label."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mlwright.core.signature import Label

Route = Literal["champion", "candidate", "fallback", "mirror", "test"]
"""Who answered; of a "test" that somebody marked as one, nothing is concluded."""


class Prediction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row's answer. `score` is P(positive), the list of class probabilities, or the value.

    `traceparent` is the caller's trace, as W3C writes it, where there was one.
    """

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
    traceparent: str | None = None


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How one request of a rollout ended, on either arm; `weight` is the candidate's share.

    By `request_id` it is found again in the prediction log, and with it the label that comes later.
    """

    time: float
    release: int
    key: str | None
    candidate: bool
    ok: bool
    latency_ms: float
    weight: float
    request_id: str = ""


class Truth(msgspec.Struct, frozen=True, gc=False):
    """The true label of a request, told afterwards."""

    time: float
    request_id: str
    label: Label


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A value that a request brought, told afterwards under a name of the user's."""

    time: float
    request_id: str
    measure: str
    value: float


_encoder = msgspec.json.Encoder()


def line(record: Prediction | Outcome | Truth | Measure) -> bytes:
    r"""Return the record as one line of JSON.

    >>> line(Truth(1.5, "r1", "Yes"))
    b'{"time":1.5,"request_id":"r1","label":"Yes"}\n'
    """
    return _encoder.encode(record) + b"\n"
