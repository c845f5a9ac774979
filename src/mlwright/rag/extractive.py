"""Answers without a language model: the sentences that fit the question best, word for word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .citations import citation
from .records import Citation, Embedder, Hit
from .sentences import spans, terms

NOTE = "From the documents, word for word:"
_WEIGHED = 12  # sentences that an embedder looks at, the best by words: it takes milliseconds each
_LONG = 600
_WORTH = 0.5  # of the best sentence's score; what is worth less only dilutes the answer


class Candidate(NamedTuple):
    """A sentence of a hit, and how well it fits."""

    hit: Hit
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        """Return the sentence."""
        return self.hit.chunk.text[self.start : self.end]


def extract(
    question: str, hits: Sequence[Hit], *, count: int = 3, embedder: Embedder | None = None
) -> tuple[str, tuple[Citation, ...]]:
    """Return the best sentences as a text with references, and its citations.

    A sentence's score is the share of the question's words that it has, the rare ones counting
    more, and its nearness to the question where there is an embedder.
    """
    best = _best(_candidates(question, hits), count=_WEIGHED)
    if embedder is not None and best:
        best = _near(question, best, embedder)
    best = [each for each in best if each.score >= _WORTH * max(map(_score, best))]
    chosen = sorted(_best(best, count=count), key=lambda each: (each.hit.rank, each.start))
    if not chosen:
        return "", ()
    lines, citations = [NOTE], []
    for number, each in enumerate(chosen, 1):
        lines.append(f"- {' '.join(each.text.split())} [{number}]")
        citations.append(citation(number, each.hit, (each.start, each.end)))
    return "\n".join(lines), tuple(citations)


def _candidates(question: str, hits: Sequence[Hit]) -> list[Candidate]:
    wanted = set(terms(question))
    found: list[tuple[Hit, int, int, set[str]]] = []
    often: Counter[str] = Counter()
    seen: set[str] = set()
    for hit in hits:
        for start, end in spans(hit.chunk.text):
            sentence = hit.chunk.text[start:end]
            if not _is_said(sentence) or sentence in seen:
                continue
            seen.add(sentence)
            words = set(terms(sentence))
            often.update(words & wanted)
            found.append((hit, start, end, words))
    weight = {word: math.log(1 + len(found) / (1 + often[word])) for word in wanted}
    total = sum(weight.values()) or 1.0
    return [
        Candidate(
            hit,
            start,
            end,
            sum(weight[word] for word in words & wanted) / total + 0.1 / hit.rank,
        )
        for hit, start, end, words in found
    ]


def _is_said(sentence: str) -> bool:
    """Say whether it states something: no heading, no scrap, no whole table."""
    return len(sentence.split()) >= 4 and len(sentence) <= _LONG and sentence[0] != "#"


def _score(candidate: Candidate) -> float:
    return candidate.score


def _best(candidates: Sequence[Candidate], *, count: int) -> list[Candidate]:
    order = sorted(candidates, key=lambda each: (-each.score, each.hit.rank, each.start))
    return order[:count]


def _near(question: str, candidates: Sequence[Candidate], embedder: Embedder) -> list[Candidate]:
    asked = embedder.embed([question], "query")[0]
    sentences = embedder.embed([each.text for each in candidates], "document")
    nearness = sentences @ asked
    return [
        each._replace(score=each.score + float(near))
        for each, near in zip(candidates, nearness, strict=True)
    ]
