"""A span becomes a chunk: its stable name, its page and headings, the line put before it."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from mlwright.rag.chunkers.spans import Span, trimmed
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunk, Document, Section


def chunks_of(document: Document, spans: Iterable[Span], config: Chunking) -> Iterator[Chunk]:
    """Yield a chunk for every span that holds more than white space."""
    starts = [section.start for section in document.sections]
    settings = f"{config.strategy}/{config.size}/{config.overlap}/{config.unit}"
    for span in spans:
        start, end = trimmed(document.text, *span)
        if start == end:
            continue
        section = _section(document, starts, start)
        headings = section.headings if section else ()
        yield Chunk(
            id=_name(document.id, start, end, settings),
            document=document.id,
            source=document.source,
            title=document.title,
            text=document.text[start:end],
            start=start,
            end=end,
            page=section.page if section else None,
            headings=headings,
            metadata=document.metadata,
            context=_context(document.title, headings) if config.context else "",
        )


def _section(document: Document, starts: list[int], position: int) -> Section | None:
    at = bisect_right(starts, position) - 1
    return document.sections[at] if at >= 0 else None


def _name(document: str, start: int, end: int, settings: str) -> str:
    parts = f"{document}\0{start}\0{end}\0{settings}"
    return hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()


def _context(title: str, headings: tuple[str, ...]) -> str:
    """Return `Title > Heading > Heading`, the title once."""
    steps = headings if headings[:1] == (title,) or not title else (title, *headings)
    return " > ".join(steps)
