"""What stands on a line of the query log: a question that was answered, and what was thought of it.

The lines stand in the same segments as predictions do, in the folder of their own environment.
"""

from __future__ import annotations

import msgspec

from .lines import Route


class Query(msgspec.Struct, frozen=True, gc=False, tag_field="line", tag="query"):
    """One question. `query` is None where its words are not kept; `hits` and `cited` are sources.

    `answer` is extractive, llm, unknown, or retrieval where hits alone were asked for. `evidence`
    is the best hit's score, 0 without a hit.
    """

    time: float
    request_id: str
    key: str | None
    model: str
    version: int
    query: str | None
    answer: str
    hits: list[str]
    evidence: float
    cited: list[str]
    removed_citations: int
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    latency_ms: float
    route: Route
    llm: str = ""


class Feedback(msgspec.Struct, frozen=True, gc=False, tag_field="line", tag="feedback"):
    """What a user thought of an answer: a score from -1 to 1, and words."""

    time: float
    request_id: str
    score: float
    comment: str = ""


_encoder = msgspec.json.Encoder()


def line(record: Query | Feedback) -> bytes:
    r"""Return the record as one line of JSON.

    >>> line(Feedback(1.5, "r1", 1.0))
    b'{"line":"feedback","time":1.5,"request_id":"r1","score":1.0,"comment":""}\n'
    """
    return _encoder.encode(record) + b"\n"
