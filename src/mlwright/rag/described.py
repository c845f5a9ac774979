"""`/docs` and `/openapi.json` of the API for answers."""

from __future__ import annotations

from typing import Any

from mlwright.serve.answers import Answer, encode
from mlwright.serve.contracts.described import JSON, Schema, media, operation
from mlwright.serve.contracts.docs import SAFE
from mlwright.serve.contracts.openapi import VERSION
from mlwright.serve.contracts.page import page

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer"}
_SPAN: Schema = {"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2}
_K: Schema = {"type": "integer", "minimum": 1, "maximum": 100}
_FILTERS: Schema = {
    "type": ["string", "object", "null"],
    "description": "year >= 2020 and lang in ('en', 'de'); or an object whose fields must match",
}
_PLACE: Schema = {
    "source": _TEXT,
    "title": _TEXT,
    "page": {"type": ["integer", "null"]},
    "span": _SPAN,
    "text": _TEXT,
}
_CITATION: Schema = {
    "type": "object",
    "properties": {"number": _COUNT, **_PLACE, "chunk": _TEXT},
}
_HIT: Schema = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        **_PLACE,
        "score": _NUMBER,
        "scores": {"type": "object"},
        "metadata": {"type": "object"},
    },
}
_REFUSAL: Schema = {
    "type": "object",
    "properties": {"error": {"type": "object", "properties": {"reason": _TEXT}}},
}
_STATUSES = {
    "422": "the body has another shape; the answer names every field and the reason",
    "429": "too many requests, or the day's budget is spent",
    "500": "the server failed on this request",
    "503": "the server is stopping or overloaded, or a language model did not answer",
}


def pages(model: str, version: int) -> tuple[Answer, Answer]:
    """Return the document and the page."""
    written = document(model, version)
    html = page(f"{model}:{version}", written).encode()
    return Answer(200, encode(written)), Answer(200, html, SAFE, b"text/html; charset=utf-8")


def document(model: str, version: int) -> Schema:
    """Return the OpenAPI document."""
    return {
        "openapi": VERSION,
        "info": {
            "title": model,
            "version": str(version),
            "description": "Answers questions from documents, with citations.",
        },
        "paths": {
            "/query": {"post": _query()},
            "/retrieve": {"post": _retrieve()},
            "/v1/chat/completions": {"post": _chat(model)},
            "/v1/models": {"get": _plain("The index, as OpenAI's clients list models", "openai")},
            "/feedback": {"post": _feedback()},
            "/health/live": {"get": _plain("Whether the server lives", "server")},
            "/health/ready": {"get": _plain("Whether the server is ready", "server")},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _query() -> Schema:
    takes = _object(
        ["query"],
        query={"type": "string", "minLength": 1, "maxLength": 8000},
        k=_K,
        filters=_FILTERS,
        stream={"type": "boolean"},
    )
    gives = _object(
        ["answer", "citations", "hits"],
        answer=_TEXT,
        kind={"enum": ["extractive", "llm", "unknown"]},
        citations={"type": "array", "items": _CITATION},
        hits={"type": "array", "items": _HIT},
        timings_ms={"type": "object"},
        cost={"type": ["number", "null"]},
        cached={"type": "boolean"},
        request_id=_TEXT,
    )
    answers = {
        JSON: media(gives),
        "text/event-stream": media({"type": "string", "description": "events text, then answer"}),
    }
    example = {"query": "What is the refund policy?", "k": 5}
    return _operation("Answer a question, with citations", "answers", answers, takes, example)


def _retrieve() -> Schema:
    takes = _object(["query"], query=_TEXT, k=_K, filters=_FILTERS)
    gives = {JSON: media(_object(["hits"], hits={"type": "array", "items": _HIT}))}
    example = {"query": "refund policy", "k": 5}
    return _operation("Find chunks, without an answer", "answers", gives, takes, example)


def _feedback() -> Schema:
    takes = _object(
        ["request_id", "score"],
        request_id=_TEXT,
        score={"type": "number", "minimum": -1, "maximum": 1},
        comment=_TEXT,
    )
    gives = {JSON: media(_object(["kept"], kept={"type": "boolean"}))}
    example = {"request_id": "the x-request-id of an answer", "score": 1}
    return _operation("Say what an answer was worth", "answers", gives, takes, example)


def _chat(model: str) -> Schema:
    message = _object(["role", "content"], role=_TEXT, content=_TEXT)
    takes = _object(
        ["messages"],
        model=_TEXT,
        messages={"type": "array", "items": message, "minItems": 1},
        stream={"type": "boolean"},
    )
    gives = {JSON: media({"type": "object"}), "text/event-stream": media(_TEXT)}
    example = {"model": model, "messages": [{"role": "user", "content": "How do refunds work?"}]}
    return _operation("Answer as OpenAI's chat completions do", "openai", gives, takes, example)


def _operation(summary: str, tag: str, gives: Schema, takes: Schema, example: Any) -> Schema:
    body = {JSON: media(takes, example)}
    return operation(
        summary, tag=tag, gives=gives, takes=body, refuses=_REFUSAL, statuses=_STATUSES
    )


def _plain(summary: str, tag: str) -> Schema:
    return operation(summary, tag=tag, gives={JSON: media({"type": "object"})})


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}
