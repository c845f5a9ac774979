"""Signals about an answer that need no language model: words in common, and nearness of sentences.

They are what they are called, not a judgement: a sentence counts as supported when a sentence of
the documents holds most of its words, or lies near it and shares some. None is unmeasured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from .extractive import NOTE
from .records import Embedder
from .sentences import spans, terms

SHARE = 0.6
"""Share of a sentence's words that one sentence of the documents must hold."""

NEAR = 0.75
SOME = 0.3
"""Or it lies this near, by cosine, and shares this much."""

_MARK = re.compile(r"\s*\[\d+\]")


def sentences(text: str) -> list[str]:
    """Return the sentences of an answer, without references and our own heading.

    >>> sentences("Refunds take 14 days [1]. Ask us [2].")
    ['Refunds take 14 days.', 'Ask us.']
    """
    bare = _MARK.sub("", text.replace(NOTE, ""))
    found = (bare[start:end].lstrip("-*• ") for start, end in spans(bare))
    return [each for each in found if terms(each)]


def faithfulness(
    answer: str, contexts: Sequence[str], embedder: Embedder | None = None
) -> float | None:
    """Return the share of the answer's sentences that the contexts support."""
    return _supported(sentences(answer), contexts, embedder)


def answer_relevancy(question: str, answer: str, embedder: Embedder | None = None) -> float | None:
    """Return how near the answer's nearest sentence is to the question, from 0 to 1.

    By cosine; without an embedder, the share of the question's words that the answer has.
    """
    said, asked = sentences(answer), set(terms(question))
    if not said or not asked:
        return None
    if embedder is None:
        return len(asked & set(terms(answer))) / len(asked)
    near = embedder.embed(said, "document") @ embedder.embed([question], "query")[0]
    return max(0.0, min(1.0, float(near.max())))


def context_precision(relevant: Sequence[bool]) -> float | None:
    """Return the average precision of the hits, in their order; no relevant one is 0.

    >>> context_precision([True, False, True])
    0.8333333333333333
    """
    if not relevant:
        return None
    found, total = 0, 0.0
    for place, good in enumerate(relevant, 1):
        if good:
            found += 1
            total += found / place
    return total / found if found else 0.0


def useful(reference: str, contexts: Sequence[str]) -> list[bool]:
    """Return which contexts support a sentence of the reference."""
    wanted = sentences(reference)
    return [any(_best_share(each, [context]) >= SHARE for each in wanted) for context in contexts]


def context_recall(
    reference: str, contexts: Sequence[str], embedder: Embedder | None = None
) -> float | None:
    """Return the share of the reference's sentences that the contexts support."""
    return _supported(sentences(reference), contexts, embedder)


def correctness(answer: str, reference: str) -> float | None:
    """Return the F1 of the words of answer and reference (as SQuAD's, Rajpurkar et al. 2016).

    >>> correctness("Refunds take 14 days [1].", "They take 14 days.")
    0.8571428571428571
    """
    said, wanted = Counter(terms(" ".join(sentences(answer)))), Counter(terms(reference))
    if not wanted or not said:
        return None
    common = sum((said & wanted).values())
    return 2 * common / (sum(said.values()) + sum(wanted.values()))


def _supported(
    said: Sequence[str], contexts: Sequence[str], embedder: Embedder | None
) -> float | None:
    if not said or not contexts:
        return None
    shares = [_best_share(each, contexts) for each in said]
    nearness = _nearness(said, contexts, embedder) if min(shares) < SHARE else (lambda _: 0.0)
    good = [
        share >= SHARE or (share >= SOME and nearness(place) >= NEAR)
        for place, share in enumerate(shares)
    ]
    return sum(good) / len(good)


def _best_share(sentence: str, contexts: Sequence[str]) -> float:
    wanted = set(terms(sentence))
    if not wanted:
        return 0.0
    parts = (context[start:end] for context in contexts for start, end in spans(context))
    return max((len(wanted & set(terms(part))) / len(wanted) for part in parts), default=0.0)


def _nearness(
    said: Sequence[str], contexts: Sequence[str], embedder: Embedder | None
) -> Callable[[int], float]:
    if embedder is None:
        return lambda _: 0.0
    parts = [context[start:end] for context in contexts for start, end in spans(context)]
    near = embedder.embed(list(said), "document") @ embedder.embed(parts, "document").T
    return lambda place: float(near[place].max())
