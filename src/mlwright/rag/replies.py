"""Small parts of a reply of the API: events of a stream, counts, refusals, headers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import structs

from mlwright.core.errors import MlwrightError, RemoteError
from mlwright.serve.answers import Refused
from mlwright.serve.application import Call, Reply
from mlwright.serve.complaints import complain

from . import chat
from .records import Answer
from .shown import shown
from .spend import BudgetSpent

Piece = str | Answer | Refused
"""What a stream is made of: text, last the answer, or why there is no more of it."""


def events(piece: Piece, *, request_id: str, version: int) -> bytes:
    """Return a piece of an answer as a server-sent event."""
    if isinstance(piece, Refused):
        return chat.event({"error": {"reason": piece.reason}}, "error")
    if isinstance(piece, str):
        return chat.event({"text": piece}, "text")
    return chat.event({**shown(piece), "request_id": request_id, "version": version}, "answer")


def chunks(piece: Piece, *, about: Mapping[str, Any], usage: bool) -> bytes:
    """Return a piece of an answer as OpenAI's clients read a stream."""
    if isinstance(piece, Refused):
        return chat.event(chat.failure(piece))
    if isinstance(piece, str):
        return chat.delta(piece, **about)
    return chat.last(piece, **about, usage=usage)


def timed(answer: Answer, call: Call) -> Answer:
    """Return an answer with the time that this request took."""
    return replace(answer, timings_ms={"total": taken(call)})


def taken(call: Call) -> float:
    """Return the milliseconds since a request came."""
    return round((time.perf_counter() - call.started) * 1000, 3)


def caller(call: Call) -> str:
    """Return a hash of the key that a request shows; "" without one."""
    key = call.headers.get(b"x-api-key") or call.headers.get(b"authorization", b"")
    return hashlib.sha256(key).hexdigest() if key else ""


def refused(exc: MlwrightError) -> Refused:
    """Return what a caller is told: our own words, never a provider's."""
    if isinstance(exc, BudgetSpent):
        return Refused(429, "budget", "the day's budget for answers is spent")
    if isinstance(exc, RemoteError):
        complain("answer", f"no answer: {exc}")
        return Refused(503, "model", "the language model or store did not answer; try again")
    if exc.exit_code == 2:
        return Refused(422, "shape", str(exc))
    complain("answer", f"no answer: {exc}")
    return Refused(500, "bug", "the server failed on this request")


def allowing(origin: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that let a page of this origin read an answer."""
    return ((b"access-control-allow-origin", origin), (b"vary", b"origin"))


def shared(found: Any, origin: bytes) -> Any:
    """Let a browser's page of this origin read what a route gives."""

    def allowed(reply: Reply) -> Reply:
        headers = (*reply.answer.headers, *allowing(origin))
        return structs.replace(reply, answer=structs.replace(reply.answer, headers=headers))

    async def later(waiting: Awaitable[Reply]) -> Reply:
        return allowed(await waiting)

    return allowed(found) if isinstance(found, Reply) else later(found)
