"""What keeps vectors and finds the nearest: one store a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlwright.core.backends import Backend, Backends

from ..config_finding import VectorDB
from ..records import VectorStore

Opener = Callable[[VectorDB, Path], VectorStore]
"""Makes the store that the settings describe; the path is a folder for what it keeps here."""

STORES: Backends[Opener] = Backends(
    "vector store",
    "mlwright.stores",
    {
        "chroma": Backend("mlwright.rag.stores.chroma:open_store", "chroma"),
        "faiss": Backend("mlwright.rag.stores.faiss:open_store", "faiss"),
        "lancedb": Backend("mlwright.rag.stores.lancedb:open_store", "rag"),
        "memory": Backend("mlwright.rag.stores.memory:open_store"),
        "pinecone": Backend("mlwright.rag.stores.pinecone:open_store", "pinecone"),
        "weaviate": Backend("mlwright.rag.stores.weaviate:open_store", "weaviate"),
    },
)


def open_store(settings: VectorDB, folder: Path) -> VectorStore:
    """Open the store of a configuration; `folder` is where embedded stores keep their files.

    Raises:
        MissingExtra: its package is not installed.
        UnknownBackend: there is no store of that name.
        RemoteError: it does not answer.
    """
    return STORES.load(settings.type)(settings, folder)
