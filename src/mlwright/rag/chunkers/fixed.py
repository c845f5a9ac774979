"""Fixed: words up to the size, wherever sentences end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlwright.rag.chunkers.making import chunks_of
from mlwright.rag.chunkers.spans import WORD, Embed, Measure, Span, packed, reaching_back
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunk, Document


class FixedChunker:
    """Cuts between words, at the same length everywhere."""

    def __init__(self, config: Chunking, measure: Measure, _: Embed | None = None) -> None:
        self.config = config
        self.measure = measure

    def chunks(self, document: Document) -> Iterable[Chunk]:
        """Return the chunks in the order of the text."""
        return chunks_of(document, self._spans(document.text), self.config)

    def _spans(self, text: str) -> Iterator[Span]:
        room = self.config.size - self.config.overlap
        floor = 0
        for start, end in self._strides(text, room):
            begin = reaching_back(
                text, start, floor=floor, overlap=self.config.overlap, measure=self.measure
            )
            yield begin, end
            floor = start

    def _strides(self, text: str, room: int) -> Iterator[Span]:
        first = held = position = 0
        for found in WORD.finditer(text):
            length = self.measure(found[0])
            if held and held + length > room:
                yield first, position
                first, held = position, 0
            position, held = found.end(), held + length
            if length > room:  # a word longer than a chunk
                *whole, (first, _) = packed(text, first, position, size=room, measure=self.measure)
                yield from whole
                held = self.measure(text[first:position])
        if position > first:
            yield first, position
