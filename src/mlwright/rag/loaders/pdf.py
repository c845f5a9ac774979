"""PDF by pypdfium2: text by page, with the outline's headings where there is an outline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdfium2

from mlwright.core.errors import DataError
from mlwright.rag.loaders.clean import clean
from mlwright.rag.records import Parts, Section, Value

_HYPHEN = "\x02"  # what PDFium leaves where a word was broken at the end of a line
_FIELDS = {"Author": "author", "CreationDate": "date"}
_MOST_OUTLINE = 5_000


class PdfLoader:
    """Reads the text that a PDF holds; what was scanned holds none."""

    def load(self, path: Path) -> Parts:
        """Return the text with a section a page."""
        try:
            document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as exc:
            why = "needs a password" if "password" in str(exc).lower() else "is not a PDF"
            raise DataError(f"{why}, or is damaged" if "not a" in why else why) from exc
        try:
            return _parts(document)
        finally:
            document.close()


def _parts(document: Any) -> Parts:
    headings = _headings(document)
    texts: list[str] = []
    sections: list[Section] = []
    position = 0
    for number in range(len(document)):
        text = _page(document, number)
        if not text:
            continue
        sections.append(
            Section(headings.get(number, ()), position, position + len(text), number + 1)
        )
        texts.append(text)
        position += len(text) + 2
    if not texts:
        raise DataError(f"has no text on its {len(document)} pages: scanned pages are not read")
    sections = _covering(sections, position - 2)
    found = document.get_metadata_dict(skip_empty=True)
    metadata = {ours: _value(ours, found[key]) for key, ours in _FIELDS.items() if key in found}
    return Parts(
        "\n\n".join(texts), clean(found.get("Title", "")).strip(), tuple(sections), metadata
    )


def _page(document: Any, number: int) -> str:
    try:
        page = document[number]
        raw = page.get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return ""  # one broken page does not take the others away
    return clean(raw.replace(_HYPHEN, "")).strip()


def _covering(sections: list[Section], end: int) -> list[Section]:
    """Return the sections, each reaching to the next, so that together they are the text."""
    ends = [section.start for section in sections[1:]] + [end]
    return [Section(s.headings, s.start, e, s.page) for s, e in zip(sections, ends, strict=True)]


def _headings(document: Any) -> dict[int, tuple[str, ...]]:
    """Return the outline's path at the start of each page, by page."""
    marks: dict[int, tuple[str, ...]] = {}
    path: list[str] = []
    try:
        for count, item in enumerate(document.get_toc(max_depth=6)):
            target = item.get_dest()
            page = target.get_index() if target else None
            path = [*path[: item.level], clean(item.get_title()).strip()]
            if page is not None and count < _MOST_OUTLINE:
                marks.setdefault(page, tuple(path))
    except pypdfium2.PdfiumError:
        return {}
    return _filled(marks, len(document))


def _filled(marks: dict[int, tuple[str, ...]], pages: int) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    current: tuple[str, ...] = ()
    for number in range(pages):
        current = marks.get(number, current)
        found[number] = current
    return found


def _value(name: str, text: str) -> Value:
    """Return `D:20190528000751Z` as 2019-05-28, and other text clean."""
    digits = text.removeprefix("D:")[:8]
    if name == "date" and len(digits) == 8 and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return clean(text).strip()
