"""HTML and Word by kreuzberg, as Markdown: headings, lists, tables and code stay what they were."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kreuzberg

from mlwright.core.errors import DataError
from mlwright.rag.loaders.clean import clean, with_text
from mlwright.rag.loaders.markdown import parts
from mlwright.rag.records import Parts, Value

_HTML = "text/html"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_MOST_HEAD = 50_000
_FRONT = re.compile(r"\A---\n.*?\n\n## title: [^\n]*\n|\A---\n.*?\n---\n", re.DOTALL)


class HtmlLoader:
    """Reads a web page without its scripts, styles and navigation."""

    def load(self, path: Path) -> Parts:
        """Return the text of a page with its sections."""
        return _load(path, _HTML)


class DocxLoader:
    """Reads a Word document."""

    def load(self, path: Path) -> Parts:
        """Return the text of a document with its sections."""
        return _load(path, _DOCX)


def _load(path: Path, mime: str) -> Parts:
    config = kreuzberg.ExtractionConfig(
        output_format="markdown", use_cache=False, enable_quality_processing=False
    )
    try:
        found = kreuzberg.extract_file_sync(path, mime_type=mime, config=config)
    except kreuzberg.KreuzbergError as exc:
        raise DataError(f"cannot be read: {exc}") from exc
    text = clean(found.content)
    if mime == _HTML:
        text = _without_head(text)
    return with_text(parts(text.lstrip("\n"), _fields(found.metadata)))


def _without_head(text: str) -> str:
    """Return the page without the block in which its <head> is repeated as text."""
    found = _FRONT.match(text[:_MOST_HEAD])
    return text[found.end() :] if found else text


def _fields(found: Any) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for ours, theirs in (
        ("title", ("title",)),
        ("author", ("author", "authors", "created_by")),
        ("date", ("created_at", "modified_at")),
        ("description", ("description", "subject")),
    ):
        value = next((found.get(name) for name in theirs if found.get(name)), None)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str) and value.strip():
            fields[ours] = clean(value).strip()
    return fields
