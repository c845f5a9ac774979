"""Sentences and words of a text, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# An end of a sentence, or a blank line, a heading or an item of a list, which end one as well.
_END = re.compile(
    r"(?<=[.!?\u3002\uff01\uff1f])[\"')\]]*(?=\s|$)|\n\s*\n|\n(?=\s*(?:[-*•#|]|\d+[.)])\s)|(?<=[\u3002\uff01\uff1f])"
)
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|al|Fig|Eq|No|Dr|Mr|Mrs|Ms|Prof|St|Inc|Ltd|approx)|\b[A-Z])\.$"
)
_WORD = re.compile(r"[^\W_]+", re.UNICODE)

_STOP = """
a about above after again all also an and any are as at be because been before being between
both but by can could did do does doing done down during each for from get give had has have
having he her here hers him his how i if in into is it its just me more most my no nor not now
of off on only or other our out over own same she should so some such than that the their them
then there these they this those through to too under up us very was we were what when where
which while who whom whose why will with would you your tell explain describe please
"""
STOP = frozenset(_STOP.split())


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each sentence, without the white space around it.

    >>> [("One. Two is e.g. this. Three"[a:b]) for a, b in spans("One. Two is e.g. this. Three")]
    ['One.', 'Two is e.g. this.', 'Three']
    """
    start = 0
    for found in _END.finditer(text):
        if _SHORT.search(text, start, found.start()) and "\n" not in found.group():
            continue
        yield from _trimmed(text, start, found.end())
        start = found.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    right = len(part.rstrip())
    if right > left:
        yield start + left, start + right


def terms(text: str) -> list[str]:
    """Return the words that carry the sense, roughly stemmed.

    >>> terms("What are the refund policies?")
    ['refund', 'polic']
    """
    words = (word.lower() for word in _WORD.findall(text))
    return [stem(word) for word in words if word not in STOP and (len(word) > 1 or word.isdigit())]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Take off the commonest English endings, so that two forms of a word meet.

    >>> [stem(word) for word in ("policies", "policy", "refunded", "refunds", "class")]
    ['polic', 'polic', 'refund', 'refund', 'class']
    """
    for ending in ("ingly", "edly", "ies", "ing", "ied", "ed", "es", "ly", "y", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word
