"""From sources to documents, in order: several at once, and strangers' files in child processes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from mlwright.core.errors import DataError, MissingExtra
from mlwright.rag.children import Children, Unlucky
from mlwright.rag.loaders import LOADERS, PLAIN
from mlwright.rag.loaders.clean import clean
from mlwright.rag.loaders.language import language
from mlwright.rag.loaders.markdown import plain
from mlwright.rag.records import Chunk, Document, Parts, Value
from mlwright.rag.sources import Skipped, Source

Read = Document | list[Chunk] | Skipped
"""A document, the chunks of one that was prepared before, or why there is neither."""

_AHEAD = 8


def read_all(
    sources: Iterable[Source], *, processes: int, timeout: float
) -> Iterator[tuple[Source, Read]]:
    """Yield what each source holds, in their order; a bad one is Skipped, and never stops others.

    Args:
        sources: what to read.
        processes: how many child processes read what is not plain text.
        timeout: seconds after which a child process is ended, and its file skipped.
    """
    with Children(processes, timeout) as children, ThreadPoolExecutor(processes) as threads:
        waiting: deque[tuple[Source, Future[Read]]] = deque()
        try:
            for source in sources:
                waiting.append((source, threads.submit(_read, source, children)))
                if len(waiting) >= processes * _AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _read(source: Source, children: Children) -> Read:
    try:
        if source.loader == "prepared":
            return _prepared(source)
        if source.loader == "record":
            return _record(source)
        if source.loader in PLAIN:
            parts = LOADERS.load(source.loader)().load(source.path)
            return document(source, parts, language(parts.text))
        parts, spoken = children.load(source.loader, source.path)
        return document(source, parts, spoken)
    except DataError as exc:
        return Skipped(source.id, str(exc), lasting=not isinstance(exc, Unlucky))
    except MissingExtra as exc:
        return Skipped(source.id, f"{exc} ({exc.hint})")
    except OSError as exc:
        return Skipped(source.id, f"cannot be read: {exc.strerror}")


def document(source: Source, parts: Parts, spoken: str | None) -> Document:
    """Return the document: what the user says of a file stands above what the file says."""
    metadata: dict[str, Value] = {**parts.metadata, **source.metadata}
    if spoken and "language" not in metadata:
        metadata["language"] = spoken
    title = str(metadata.pop("title", "") or parts.title or source.path.stem)
    return Document(
        source.id, source.id, title, parts.text, parts.sections, metadata, source.sha256
    )


def _lines(source: Source) -> Iterator[Any]:
    with source.path.open("rb") as file:
        for position, length in source.lines:
            file.seek(position)
            yield json.loads(file.read(length))


def _record(source: Source) -> Document:
    value: Mapping[str, Any] = next(_lines(source))
    text = clean(value["text"])
    title = clean(str(value.get("title") or "")).strip()
    if not text.strip() and not title:
        raise DataError("has no text")
    known = {"_id", "id", "text", "title", "metadata", "source"}
    inner = value.get("metadata")
    fields = plain({key: found for key, found in value.items() if key not in known})
    fields |= plain(inner) if isinstance(inner, dict) else {}
    shown = str(value.get("source") or source.id)
    if "language" not in fields and (spoken := language(text)):
        fields["language"] = spoken
    return Document(source.id, shown, title, text or title, (), fields, source.sha256)


def _prepared(source: Source) -> list[Chunk]:
    try:
        chunks = [Chunk.from_json(value) for value in _lines(source)]
    except (TypeError, KeyError) as exc:
        raise DataError("is not a chunk that `mlwright rag prepare` wrote") from exc
    return [replace(chunk, metadata=plain(dict(chunk.metadata))) for chunk in chunks]
