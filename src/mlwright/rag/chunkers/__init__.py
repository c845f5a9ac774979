"""How documents are cut: every chunk knows its span, and together they are the whole text."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.core.backends import Backend, Backends
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunker

Measure = Callable[[str], int]
"""Tells how long a text is: in characters, or in the embedder's tokens."""

CHUNKERS: Backends[Callable[[Chunking, Measure], Chunker]] = Backends(
    "chunker",
    "mlwright.chunkers",
    {
        "fixed": Backend("mlwright.rag.chunkers.fixed:FixedChunker"),
        "recursive": Backend("mlwright.rag.chunkers.recursive:RecursiveChunker"),
        "structure": Backend("mlwright.rag.chunkers.structure:StructureChunker"),
    },
)


def open_chunker(config: Chunking, tokens: Measure | None) -> Chunker:
    """Return the chunker that the configuration asks for.

    Args:
        config: strategy, size, overlap and unit.
        tokens: counts the embedder's tokens; without it a token is taken for four characters.
    """
    make = CHUNKERS.load(config.strategy)
    return make(config, len if config.unit == "characters" else tokens or _about)


def _about(text: str) -> int:
    return -(-len(text) // 4)
