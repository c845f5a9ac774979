"""What the log and the metrics are told of an answer."""

from __future__ import annotations

from collections.abc import Sequence

from mlwright.core import clock
from mlwright.predictions.queries import Query, line
from mlwright.serve.application import Call, Count
from mlwright.serve.metrics import label

from .answer import Question
from .evidence import evidence
from .records import Answer, Hit
from .replies import taken


def logged(
    call: Call, asked: Question, answer: Answer, *, kind: str, model: tuple[str, int], text: bool
) -> bytes:
    """Return the line of the query log.

    Args:
        call: the request.
        asked: what it asked.
        answer: what it is answered.
        kind: the answer's kind, or `retrieval`.
        model: name and version of the index.
        text: whether the question's words stand in it.
    """
    name, version = model
    return line(
        Query(
            time=clock.now(),
            request_id=call.request_id,
            key=call.key,
            model=name,
            version=version,
            query=asked.text if text else None,
            answer=kind,
            hits=[hit.chunk.source for hit in answer.hits],
            evidence=round(evidence(answer.hits, asked.text), 4),
            cited=sorted({each.source for each in answer.citations}),
            removed_citations=answer.removed_citations,
            cached=answer.cached,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cost=answer.cost,
            latency_ms=taken(call),
            route=call.arm,
            llm=answer.model,
        )
    )


def counted(answer: Answer) -> list[Count]:
    """Return what grows with an answer."""
    counts: list[Count] = [("answers_total", label("kind", answer.kind), 1)]
    counts += emptiness(answer.hits)
    if answer.cached:
        counts.append(("answer_cache_hits_total", "", 1))
    if answer.removed_citations:
        counts.append(("removed_citations_total", "", answer.removed_citations))
    return counts + spending(answer)


def spending(answer: Answer) -> list[Count]:
    """Return what grows with the tokens and the cost of an answer."""
    counts: list[Count] = []
    read, written = answer.usage.prompt_tokens, answer.usage.completion_tokens
    if read:
        counts.append(("answer_tokens_total", label("direction", "read"), read))
        counts.append(("answer_tokens_total", label("direction", "written"), written))
    if answer.cost:
        counts.append(("answer_cost_microdollars_total", "", round(answer.cost * 1e6)))
    return counts


def emptiness(hits: Sequence[Hit]) -> list[Count]:
    """Return what grows where nothing was found."""
    return [] if hits else [("empty_retrievals_total", "", 1)]
