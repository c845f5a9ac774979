"""The test before traffic: the sample rows of a bundle through HTTP give what the bundle says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import GateFailed, RemoteError
from mlwright.core.signature import Signature
from mlwright.serve.client import Client, Response
from mlwright.serve.requests import ROUTE_HEADER

TOLERANCE = 1e-6


async def smoke(client: Client, bundle: Bundle, *, seconds: float = 10.0) -> int:
    """Send every sample row, compare prediction and score, and return how many there were.

    Raises:
        GateFailed: no answer, an answer that is no success, or one that is not the bundle's.
    """
    samples = bundle.samples
    if not samples:
        return 0
    body = json.dumps({"records": [sample["features"] for sample in samples]}).encode()
    headers = {ROUTE_HEADER: "test"}
    try:
        response = await client.request("POST", "/predict", body, headers, timeout=seconds)
    except RemoteError as exc:
        raise GateFailed(f"the smoke test got no answer: {exc}") from exc
    answers = _answers(response, len(samples))
    wrong = [
        i
        for i, (sample, answer) in enumerate(zip(samples, answers, strict=True))
        if not agrees(bundle.signature, sample, answer)
    ]
    if wrong:
        raise GateFailed(
            f"the smoke test got other predictions than the bundle holds for {len(wrong)} of "
            f"{len(samples)} sample rows, the first of them row {wrong[0]}"
        )
    return len(samples)


def agrees(signature: Signature, sample: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Return whether an answer over HTTP is what the bundle holds for that row."""
    if signature.task == "regression":
        return _near(sample["prediction"], answer["prediction"])
    if sample["prediction"] != answer["prediction"]:
        return False
    if signature.task == "binary":
        return _near(sample["score"], answer["probability"])
    names = [str(label) for label in signature.classes]
    return set(answer["probability"]) == set(names) and all(
        _near(score, answer["probability"][name])
        for name, score in zip(names, sample["score"], strict=True)
    )


def _near(expected: float, found: float) -> bool:
    return abs(expected - found) <= TOLERANCE * max(1.0, abs(expected))


def _answers(response: Response, expected: int) -> Sequence[Mapping[str, Any]]:
    if response.status != 200:
        raise GateFailed(f"the smoke test was answered with HTTP {response.status}")
    try:
        answers: Sequence[Mapping[str, Any]] = response.json()["predictions"]
    except (ValueError, KeyError, TypeError):
        raise GateFailed("the smoke test got an answer that cannot be read") from None
    if len(answers) != expected:
        raise GateFailed(f"the smoke test sent {expected} rows and got {len(answers)} back")
    return answers
