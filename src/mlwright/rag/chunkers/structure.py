"""Structure: no chunk crosses a heading or a page, unless what lies under it is small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlwright.rag.chunkers.making import chunks_of
from mlwright.rag.chunkers.recursive import within
from mlwright.rag.chunkers.spans import Embed, Measure, Span
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunk, Document, Section


class StructureChunker:
    """Cuts at headings and pages, and inside a section as the recursive chunker does."""

    def __init__(self, config: Chunking, measure: Measure, _: Embed | None = None) -> None:
        self.config = config
        self.measure = measure

    def chunks(self, document: Document) -> Iterable[Chunk]:
        """Return the chunks in the order of the text."""
        return chunks_of(document, self._spans(document), self.config)

    def _spans(self, document: Document) -> Iterator[Span]:
        for start, end in self._stretches(document):
            yield from within(document.text, start, end, self.config, self.measure)

    def _stretches(self, document: Document) -> list[Span]:
        """Join a section with those below its heading while all fit into one chunk."""
        text, done = document.text, list[Span]()
        opened: Section | None = None
        position = 0
        for section in (*document.sections, Section((), len(text), len(text))):
            end = section.end if section.end > section.start else len(text)
            if section.start > position:  # text before the first section, or between two
                done.append((position, section.start))
                opened = None
            if opened and _below(section, opened) and self._fits(text, done[-1][0], end):
                done[-1] = (done[-1][0], end)
            elif end > section.start:
                done.append((section.start, end))
                opened = section
            position = max(position, end)
        return done

    def _fits(self, text: str, start: int, end: int) -> bool:
        return self.measure(text[start:end]) <= self.config.size


def _below(section: Section, opened: Section) -> bool:
    depth = len(opened.headings)
    same = section.headings[:depth] == opened.headings and depth > 0
    return same and section.page == opened.page
