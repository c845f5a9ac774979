"""Tables of text: every row becomes a paragraph of `column: value` lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from mlwright.core.errors import DataError
from mlwright.rag.loaders.clean import clean, with_text
from mlwright.rag.loaders.text import read_text
from mlwright.rag.records import Parts

_SAMPLE = 20_000


class CsvLoader:
    """Reads a table whose first row names the columns; `,`, `;`, tab or `|` between them."""

    def load(self, path: Path) -> Parts:
        """Return the rows as text."""
        text = read_text(path)
        try:
            rows = list(_paragraphs(text))
        except csv.Error as exc:
            raise DataError(f"is not a table: {exc}") from exc
        return with_text(Parts(clean("\n\n".join(rows))))


def _paragraphs(text: str) -> Iterator[str]:
    first = text[:_SAMPLE].partition("\n")[0]
    separator = max(",;\t|", key=first.count)  # the first of them where none is there
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = next(reader, [])
    for row in reader:
        named = zip(header, row, strict=False)
        lines = [f"{name}: {value}" for name, value in named if value.strip()]
        lines += [value for value in row[len(header) :] if value.strip()]
        if lines:
            yield "\n".join(lines)
