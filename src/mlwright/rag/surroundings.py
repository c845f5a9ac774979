"""Show more of a document around a hit, or less of it, with the span always right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .records import Chunk
from .sentences import spans, terms


def joined(chunks: Sequence[Chunk], hit: Chunk) -> Chunk:
    """Return the hit with the text of its neighbours, which stand in the order of the document.

    What lies between two chunks is white space, and is shown as a line break and spaces.

    >>> a = Chunk("a", "d", "d", "", "one two", 0, 7)
    >>> b = Chunk("b", "d", "d", "", "two four", 4, 12)
    >>> joined([a, b], a).text, joined([a, b], a).end
    ('one two four', 12)
    """
    if not chunks:
        return hit
    start, end, text = chunks[0].start, chunks[0].end, chunks[0].text
    for chunk in chunks[1:]:
        if chunk.start >= end:
            gap = chunk.start - end
            text += "\n".ljust(gap) * bool(gap) + chunk.text
        else:
            text += chunk.text[end - chunk.start :]
        end = max(end, chunk.end)
    return replace(hit, text=text, start=start, end=end)


def compressed(chunk: Chunk, query: str, sentences: int) -> Chunk:
    """Return the consecutive sentences of a chunk that have most of the query's words.

    >>> chunk = Chunk("c", "d", "d", "", "Old. Dogs bark. Cats purr.", 10, 36)
    >>> small = compressed(chunk, "why do cats purr", 1)
    >>> small.text, small.start, small.end
    ('Cats purr.', 26, 36)
    """
    found = list(spans(chunk.text))
    if len(found) <= sentences:
        return chunk
    wanted = set(terms(query))
    windows = [
        (found[place][0], found[place + sentences - 1][1])
        for place in range(len(found) - sentences + 1)
    ]

    def shared(window: tuple[int, int]) -> int:
        return len(wanted & set(terms(chunk.text[window[0] : window[1]])))

    start, end = max(windows, key=shared)
    return replace(
        chunk, text=chunk.text[start:end], start=chunk.start + start, end=chunk.start + end
    )
