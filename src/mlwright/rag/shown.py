"""An answer as it is printed and sent, and as bytes that a cache keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from .records import Answer, Citation, Hit, Usage


def shown(answer: Answer) -> dict[str, Any]:
    """Return an answer as it is printed and sent."""
    return {
        "answer": answer.text,
        "kind": answer.kind,
        "citations": [shown_citation(each) for each in answer.citations],
        "hits": [shown_hit(each) for each in answer.hits],
        "timings_ms": dict(answer.timings_ms),
        "cost": answer.cost,
        "usage": msgspec.to_builtins(answer.usage),
        "provider": answer.provider,
        "model": answer.model,
        "cached": answer.cached,
        "removed_citations": answer.removed_citations,
    }


def shown_citation(each: Citation) -> dict[str, Any]:
    """Return a citation as it is printed and sent."""
    return {
        "number": each.number,
        "source": each.source,
        "title": each.title,
        "page": each.page,
        "span": [each.start, each.end],
        "text": each.text,
        "chunk": each.chunk,
    }


def shown_hit(hit: Hit) -> dict[str, Any]:
    """Return a hit as it is printed and sent."""
    chunk = hit.chunk
    return {
        "id": chunk.id,
        "source": chunk.source,
        "title": chunk.title,
        "page": chunk.page,
        "span": [chunk.start, chunk.end],
        "score": hit.score,
        "scores": dict(hit.scores),
        "text": chunk.text,
        "metadata": dict(chunk.metadata),
    }


_decoder = msgspec.json.Decoder(Answer)


def packed(answer: Answer) -> bytes:
    """Return an answer as bytes that `unpacked` reads back."""
    return msgspec.json.encode(answer)


def unpacked(data: bytes) -> Answer:
    """Read an answer that was kept; it cost nothing this time."""
    found = _decoder.decode(data)
    return replace(found, cached=True, cost=0.0, usage=Usage(), timings_ms={})
