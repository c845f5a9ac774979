"""Plain text."""

from __future__ import annotations

from pathlib import Path

from mlwright.data.encoding import as_utf8
from mlwright.rag.loaders.clean import clean, with_text
from mlwright.rag.records import Parts


class TextLoader:
    """Reads a file as it is; what is not UTF-8 is read as UTF-16 or Windows-1252."""

    def load(self, path: Path) -> Parts:
        """Return the text of a file."""
        return with_text(Parts(clean(read_text(path))))


def read_text(path: Path) -> str:
    """Return the text of a file, whatever its encoding.

    Raises:
        DataError: it is not text.
    """
    data = as_utf8(path, name=path.name, say=lambda _: None)
    return (path.read_bytes() if data is None else data).decode("utf-8-sig")
