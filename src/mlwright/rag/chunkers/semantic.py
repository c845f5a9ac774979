"""Semantic: cut where the text before and after is least alike, as seen by the embedder.

What fits into one chunk stays whole. Else every sentence is embedded once, and a cut between two is
priced by how alike the three before it are to the three after it, less what is unlike for this
document: its mean less one standard deviation (the cutoff of Hearst 1997, TextTiling). The cheapest
cuts that keep every chunk within the size are found by dynamic programming (Utiyama and Isahara
2001).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from mlwright.core.errors import ConfigError
from mlwright.rag.chunkers.making import chunks_of
from mlwright.rag.chunkers.spans import Embed, Measure, Span, packed, reaching_back
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunk, Document
from mlwright.rag.sentences import spans
from mlwright.rag.vectors import Vectors

_AROUND = 3
_A_CUT = 0.02
_SCRAP = 1.0  # what a chunk below a quarter of the size costs: more than any cut gains


class SemanticChunker:
    """Cuts between sentences, where the subject changes."""

    def __init__(self, config: Chunking, measure: Measure, embed: Embed | None) -> None:
        if embed is None:
            raise ConfigError(
                "chunking.strategy: semantic needs an embedder, and there is none here",
                hint="mlwright rag build has the one of embedding:; recursive needs none",
            )
        self.config = config
        self.measure = measure
        self.embed = embed

    def chunks(self, document: Document) -> Iterable[Chunk]:
        """Return the chunks in the order of the text."""
        return chunks_of(document, self._spans(document.text), self.config)

    def _spans(self, text: str) -> Iterator[Span]:
        if self.measure(text.strip()) <= self.config.size:
            yield 0, len(text)
            return
        floor, room = 0, self.config.size - self.config.overlap
        for start, end in self._stretches(text, room):
            for begin, stop in packed(text, start, end, size=room, measure=self.measure):
                yield (
                    reaching_back(
                        text, begin, floor=floor, overlap=self.config.overlap, measure=self.measure
                    ),
                    stop,
                )
                floor = begin

    def _stretches(self, text: str, room: int) -> list[Span]:
        """Join sentences up to the room, with the cheapest cuts between."""
        pieces = [
            piece
            for start, end in _sentences(text)
            for piece in packed(text, start, end, size=room, measure=self.measure)
        ]
        lengths = [self.measure(text[start:end]) for start, end in pieces]
        if len(pieces) < 2:
            return pieces
        prices = cut_prices(self.embed([text[start:end].strip() for start, end in pieces]))
        cuts = [0, *cheapest(lengths, prices, room), len(pieces)]
        return [(pieces[first][0], pieces[last - 1][1]) for first, last in pairwise(cuts)]


def _sentences(text: str) -> list[Span]:
    """Return spans that cover all: each sentence with the white space behind it."""
    starts = [start for start, _ in spans(text)][1:]
    return list(zip([0, *starts], [*starts, len(text)], strict=True))


def cut_prices(vectors: Vectors) -> list[float]:
    """Return what a cut before each sentence but the first costs; less than 0 is a gain.

    >>> import numpy as np
    >>> one, other = np.eye(2, dtype=np.float32)
    >>> prices = cut_prices(np.stack([one] * 4 + [other] * 4))
    >>> prices.index(min(prices)), min(prices) < 0
    (3, True)
    """
    sums = np.cumsum(np.vstack([np.zeros_like(vectors[:1]), vectors]), axis=0)
    places = np.arange(1, len(vectors))
    before = sums[places] - sums[np.maximum(places - _AROUND, 0)]
    after = sums[np.minimum(places + _AROUND, len(vectors))] - sums[places]
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    alike = np.einsum("nd,nd->n", before, after) / np.maximum(norms, 1e-9)
    return [float(each) for each in alike - (alike.mean() - alike.std()) + _A_CUT]


def cheapest(lengths: Sequence[int], prices: Sequence[float], room: int) -> list[int]:
    """Return before which pieces to cut, so that what is joined has room and the cuts cost least.

    A piece that has no room by itself stays alone.

    >>> cheapest([4, 4, 4, 4], [0.5, 0.1, 0.5], 8)
    [2]
    """
    total = [0.0] + [float("inf")] * len(lengths)
    origin = [0] * (len(lengths) + 1)
    for end in range(1, len(lengths) + 1):
        length = 0
        for start in range(end - 1, -1, -1):
            length += lengths[start]
            if length > room and start < end - 1:
                break
            price = total[start] + (prices[start - 1] if start else 0.0)
            price += _SCRAP if length * 4 < room else 0.0
            if price < total[end]:
                total[end], origin[end] = price, start
    cuts: list[int] = []
    place = origin[len(lengths)]
    while place:
        cuts.append(place)
        place = origin[place]
    return cuts[::-1]
