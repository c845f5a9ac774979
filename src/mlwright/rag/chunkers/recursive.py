"""Recursive: paragraphs where they fit, else lines, sentences, words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlwright.rag.chunkers.making import chunks_of
from mlwright.rag.chunkers.spans import Embed, Measure, Span, packed, reaching_back
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunk, Document


class RecursiveChunker:
    """Cuts where the text reads best, whatever its headings."""

    def __init__(self, config: Chunking, measure: Measure, _: Embed | None = None) -> None:
        self.config = config
        self.measure = measure

    def chunks(self, document: Document) -> Iterable[Chunk]:
        """Return the chunks in the order of the text."""
        text = document.text
        return chunks_of(
            document, within(text, 0, len(text), self.config, self.measure), self.config
        )


def within(text: str, start: int, end: int, config: Chunking, measure: Measure) -> Iterator[Span]:
    """Yield the spans of one stretch; all but the first reach back by up to the overlap."""
    if end > start and measure(text[start:end].strip()) <= config.size:
        yield start, end
        return
    floor = start
    spans = packed(text, start, end, size=config.size - config.overlap, measure=measure)
    for begin, stop in spans:
        yield (
            reaching_back(text, begin, floor=floor, overlap=config.overlap, measure=measure),
            stop,
        )
        floor = begin
