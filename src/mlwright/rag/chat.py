"""Answers in the shape of OpenAI's chat completions, whole and streamed.

The references `[1]` stay in the text; `citations`, a field of our own, says what they point to.
"""

from __future__ import annotations

from typing import Any

from mlwright.serve.answers import Answer as Sent
from mlwright.serve.answers import Refused, encode

from .records import Answer
from .shown import shown_citation

DONE = b"data: [DONE]\n\n"


def completion(answer: Answer, *, name: str, request_id: str, now: float) -> dict[str, Any]:
    """Return an answer as a `chat.completion`."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        **_head("chat.completion", name, request_id, now),
        "choices": [choice],
        "usage": _usage(answer),
        **_own(answer),
    }


def delta(text: str, *, name: str, request_id: str, now: float) -> bytes:
    """Return a piece of the text as a `chat.completion.chunk` event."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    head = _head("chat.completion.chunk", name, request_id, now)
    return event({**head, "choices": [choice]})


def last(answer: Answer, *, name: str, request_id: str, now: float, usage: bool) -> bytes:
    """Return the events that end a stream: why it ended, with the citations, and the usage."""
    head = _head("chat.completion.chunk", name, request_id, now)
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    found = event({**head, "choices": [choice], **_own(answer)})
    if usage:
        found += event({**head, "choices": [], "usage": _usage(answer)})
    return found + DONE


def event(value: Any, name: str = "") -> bytes:
    r"""Return a server-sent event.

    >>> event({"a": 1}, "text")
    b'event: text\ndata: {"a":1}\n\n'
    """
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encode(value) + b"\n\n"


def refusal(refused: Refused) -> Sent:
    """Return a refusal as OpenAI's clients read it."""
    body = encode(failure(refused))
    return Sent(refused.status, body, refused.headers, kind=refused.kind)


def failure(refused: Refused) -> dict[str, Any]:
    """Return what OpenAI's clients are told of a refusal, whole or in the middle of a stream."""
    found = refused.shown()
    reason = refused.reason or "; ".join(f"{name}: {why}" for name, why in found.items())
    error = {"message": reason, "type": refused.kind, "param": next(iter(found), None)}
    return {"error": {**error, "code": refused.kind}}


def models(name: str, version: int, now: float) -> dict[str, Any]:
    """Return the list of models, which is this index alone."""
    about = {"id": name, "object": "model", "created": int(now), "owned_by": "mlwright"}
    return {"object": "list", "data": [{**about, "version": version}]}


def _head(kind: str, name: str, request_id: str, now: float) -> dict[str, Any]:
    return {"id": f"chatcmpl-{request_id}", "object": kind, "created": int(now), "model": name}


def _usage(answer: Answer) -> dict[str, int]:
    read, written = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _own(answer: Answer) -> dict[str, Any]:
    return {
        "citations": [shown_citation(each) for each in answer.citations],
        "kind": answer.kind,
        "cost": answer.cost,
    }
