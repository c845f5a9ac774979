"""How documents are cut: every chunk knows its span, and together they are the whole text."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.core.backends import Backend, Backends
from mlwright.rag.chunkers.spans import Embed, Measure
from mlwright.rag.config import Chunking
from mlwright.rag.records import Chunker

CHUNKERS: Backends[Callable[[Chunking, Measure, Embed | None], Chunker]] = Backends(
    "chunker",
    "mlwright.chunkers",
    {
        "fixed": Backend("mlwright.rag.chunkers.fixed:FixedChunker"),
        "recursive": Backend("mlwright.rag.chunkers.recursive:RecursiveChunker"),
        "semantic": Backend("mlwright.rag.chunkers.semantic:SemanticChunker"),
        "structure": Backend("mlwright.rag.chunkers.structure:StructureChunker"),
    },
)


def open_chunker(config: Chunking, tokens: Measure | None, embed: Embed | None = None) -> Chunker:
    """Return the chunker that the configuration asks for.

    Args:
        config: strategy, size, overlap and unit.
        tokens: counts the embedder's tokens; without it a token is taken for four characters.
        embed: turns sentences into vectors, for the strategy that looks at their sense.

    Raises:
        ConfigError: the strategy needs an embedder, and none is given.
    """
    make = CHUNKERS.load(config.strategy)
    return make(config, len if config.unit == "characters" else tokens or _about, embed)


def _about(text: str) -> int:
    return -(-len(text) // 4)
