"""What a search tries: ways to cut, and for each of them ways to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .config import Chunking, RagConfig
from .config_finding import Retrieval

S = TypeVar("S", Chunking, Retrieval)

_SIZES = (0.5, 1.0, 2.0)
_OVERLAPS = (0.0, 0.2)
_SMALLEST = 64
_FINDING: tuple[dict[str, Any], ...] = (
    {"strategy": "hybrid", "fusion": "rrf"},
    {"strategy": "hybrid", "fusion": "weighted", "dense_weight": 0.5},
    {"strategy": "hybrid", "fusion": "weighted", "dense_weight": 0.7},
    {"strategy": "dense"},
    {"strategy": "sparse"},
)
_WORDS_ALONE: tuple[dict[str, Any], ...] = (
    {"strategy": "sparse", "feedback": 0},
    {"strategy": "sparse", "feedback": 3},
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One configuration that is measured."""

    chunking: Chunking
    retrieval: Retrieval

    def to_json(self) -> dict[str, Any]:
        """Return all that tells it from another, for a record of what was measured."""
        return {
            "chunking": self.chunking.model_dump(mode="json"),
            "retrieval": self.retrieval.model_dump(mode="json"),
        }

    def __str__(self) -> str:
        cut, find = self.chunking, self.retrieval
        ways: list[str] = [find.strategy]
        if find.strategy == "hybrid":
            ways.append("rrf" if find.fusion == "rrf" else f"{find.dense_weight:g} dense")
        if find.feedback:
            ways.append(f"feedback {find.feedback}")
        if find.rerank:
            ways.append(f"rerank {find.rerank.provider}")
        return f"{cut.size}/{cut.overlap} {', '.join(ways)}"


def candidates(config: RagConfig, *, embedded: bool, recut: bool) -> list[Candidate]:
    """Return what to try, those of one way to cut together, the present configuration first.

    Args:
        config: the present one.
        embedded: there are vectors; without, only what words alone can do is tried.
        recut: documents can be cut in other ways; not so where they came cut, or labels name
            chunks.
    """
    cuts = _unique([config.chunking, *(_cuts(config.chunking) if recut else ())])
    finds = _unique([config.retrieval, *_finds(config.retrieval, embedded=embedded)])
    return [Candidate(cut, find) for cut in cuts for find in finds]


def _cuts(present: Chunking) -> list[Chunking]:
    sizes = [max(_SMALLEST, round(present.size * share)) for share in _SIZES]
    return [
        present.model_copy(update={"size": size, "overlap": round(size * share)})
        for size in sizes
        for share in _OVERLAPS
    ]


def _finds(present: Retrieval, *, embedded: bool) -> list[Retrieval]:
    tried = _FINDING if embedded else _WORDS_ALONE
    judges = [present.rerank, None] if present.rerank else [None]
    found = []
    for rerank in judges:
        found.append(present.model_copy(update={"rerank": rerank}))
        found += [present.model_copy(update={**ways, "rerank": rerank}) for ways in tried]
    return found


def _unique(sections: Sequence[S]) -> list[S]:
    known: dict[str, S] = {}
    for section in sections:
        known.setdefault(section.model_dump_json(), section)
    return list(known.values())
