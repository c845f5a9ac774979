"""How files become text: one loader a format, chosen by the end of a file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlwright.core.backends import Backend, Backends
from mlwright.core.errors import DataError
from mlwright.rag.records import Loader

LOADERS: Backends[Callable[[], Loader]] = Backends(
    "loader",
    "mlwright.loaders",
    {
        "csv": Backend("mlwright.rag.loaders.csv:CsvLoader"),
        "docx": Backend("mlwright.rag.loaders.office:DocxLoader", extra="rag"),
        "html": Backend("mlwright.rag.loaders.office:HtmlLoader", extra="rag"),
        "markdown": Backend("mlwright.rag.loaders.markdown:MarkdownLoader"),
        "pdf": Backend("mlwright.rag.loaders.pdf:PdfLoader", extra="rag"),
        "text": Backend("mlwright.rag.loaders.text:TextLoader"),
    },
)

SUFFIXES = {
    ".csv": "csv",
    ".docx": "docx",
    ".htm": "html",
    ".html": "html",
    ".log": "text",
    ".markdown": "markdown",
    ".md": "markdown",
    ".pdf": "pdf",
    ".rst": "text",
    ".text": "text",
    ".tsv": "csv",
    ".txt": "text",
    ".xhtml": "html",
}

PLAIN = frozenset({"csv", "markdown", "text"})
"""Loaders that are ours and simple: they run here; every other runs in a child process."""

VERSION = 1
"""Raised when a loader reads the same bytes differently, so that files are read again."""


def loader_name(path: str) -> str:
    """Return the name of the loader for a file; plug-ins read the suffix they are named after.

    Raises:
        DataError: no loader reads files of that name.

    >>> loader_name("Manual.PDF")
    'pdf'
    """
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix[1:] in LOADERS.names():
        return suffix[1:]
    raise DataError(
        f"no loader reads {suffix or 'files without a suffix'}",
        hint=f"read are {', '.join(sorted(SUFFIXES))}",
    )
