"""Spans of a text: cut where it reads best, packed up to a size, each reaching back a little."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from mlwright.rag.vectors import Vectors

Measure = Callable[[str], int]
"""Tells how long a text is: in characters, or in the embedder's tokens."""

Embed = Callable[[Sequence[str]], Vectors]
"""Turns texts into unit vectors."""

Span = tuple[int, int]

SEPARATORS = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n"),
    re.compile(r"[.!?][\"')\]]*\s+|[\u3002\uff01\uff1f]+"),  # also where Chinese ends a sentence
    re.compile(r"\s+"),
)
WORD = re.compile(r"\S+\s*")


def packed(text: str, start: int, end: int, *, size: int, measure: Measure) -> list[Span]:
    """Return spans that follow each other from start to end, none longer than size.

    A paragraph stays whole where it fits, else a line, a sentence, a word; a word that is too long
    is cut anywhere. Neighbours are joined as long as they fit together.
    """
    return _joined(text, _pieces(text, start, end, size, measure, 0), size, measure)


def _pieces(
    text: str, start: int, end: int, size: int, measure: Measure, level: int
) -> Iterator[Span]:
    if end - start <= 1 or measure(text[start:end]) <= size:
        yield start, end
    elif level == len(SEPARATORS):
        middle = (start + end) // 2
        yield from _pieces(text, start, middle, size, measure, level)
        yield from _pieces(text, middle, end, size, measure, level)
    else:
        for part in _cut(text, start, end, SEPARATORS[level]):
            yield from _pieces(text, *part, size, measure, level + 1)


def _cut(text: str, start: int, end: int, separator: re.Pattern[str]) -> list[Span]:
    """Cut behind each separator."""
    ends = [found.end() for found in separator.finditer(text, start, end)]
    if not ends or ends[-1] != end:
        ends.append(end)
    return list(zip([start, *ends[:-1]], ends, strict=True))


def _joined(text: str, spans: Iterator[Span], size: int, measure: Measure) -> list[Span]:
    """Join neighbours while they fit; lengths add up nearly, so the whole is measured at last."""
    done: list[Span] = []
    held = 0
    for start, end in spans:
        length = measure(text[start:end])
        fits = done and held + length <= size
        if fits and measure(text[done[-1][0] : end]) <= size:
            done[-1] = (done[-1][0], end)
            held += length
        else:
            done.append((start, end))
            held = length
    return done


def reaching_back(text: str, start: int, *, floor: int, overlap: int, measure: Measure) -> int:
    """Return where a span begins that repeats up to `overlap` of what is before it.

    It begins with a whole word where there is one, and never before `floor`.
    """
    if overlap == 0:
        return start
    window = max(floor, start - overlap * _LONGEST_TOKEN)
    words = [found.start() for found in WORD.finditer(text, window, start)]
    if window > floor and not text[window - 1].isspace():
        words = words[1:]  # the window begins within this one
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if measure(text[words[middle] : start]) <= overlap:
            high = middle
        else:
            low = middle + 1
    return words[low] if low < len(words) else start


_LONGEST_TOKEN = 16


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without white space at its ends; empty where there is nothing else."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + left + len(piece.strip())
