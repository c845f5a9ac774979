"""Chroma: an embedded store in a folder, or a Chroma server at `vector_db.url`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from mlwright.core.errors import RemoteError
from mlwright.core.secrets import reveal

from ..conditions import Condition, without_not
from ..config_finding import VectorDB
from ..records import Chunk
from ..vectors import Vectors
from .dollar import Dialect, dollar, flat

_DIALECT = Dialect("Chroma", ne_finds_missing=True)
_COSINE = {"hnsw": {"space": "cosine", "ef_search": 200, "ef_construction": 200}}


def open_store(settings: VectorDB, folder: Path) -> ChromaStore:
    """Open the database in this folder, or connect to the server.

    Raises:
        RemoteError: the server does not answer.
    """
    quiet = Settings(anonymized_telemetry=False)
    if settings.url is None:
        folder.mkdir(parents=True, exist_ok=True)
        return ChromaStore(chromadb.PersistentClient(str(folder / "chroma"), quiet))
    address = urlsplit(settings.url)
    headers = {"x-chroma-token": reveal(settings.api_key)} if settings.api_key else None
    secure = address.scheme == "https"
    port = address.port or (443 if secure else 8000)
    try:
        client = chromadb.HttpClient(address.hostname or "", port, secure, headers, quiet)
    except (ChromaError, ValueError) as exc:
        raise RemoteError(
            f"no Chroma server answers at {settings.url}", hint="check vector_db.url"
        ) from exc
    return ChromaStore(client)


class ChromaStore:
    """Collections as Chroma's own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._batch = int(client.get_max_batch_size())

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id."""
        if not chunks:
            return
        latest = {chunk.id: place for place, chunk in enumerate(chunks)}
        places = sorted(latest.values())
        kept = self._client.get_or_create_collection(
            collection, configuration=_COSINE, embedding_function=None
        )
        for part in _parts(places, self._batch):
            chosen = [chunks[place] for place in part]
            kept.upsert(
                ids=[chunk.id for chunk in chosen],
                embeddings=vectors[part],
                documents=[c.packed() for c in chosen],
                metadatas=[flat(chunk) for chunk in chosen],
            )

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        kept = self._found(collection)
        if kept is None:
            return []
        said = None if where is None else dollar(without_not(where), _DIALECT)
        answer = kept.query(
            query_embeddings=[vector.ravel()], n_results=k, where=said, include=["distances"]
        )
        pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return [(name, 1 - float(distance)) for name, distance in pairs]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        kept = self._found(collection)
        if kept is None or not ids:
            return []
        answer = kept.get(ids=list(dict.fromkeys(ids)), include=["documents"])
        pairs = zip(answer["ids"], answer["documents"], strict=True)
        found = {name: Chunk.unpacked(body) for name, body in pairs}
        return [found[name] for name in ids if name in found]

    def seal(self, collection: str) -> None:
        """Do nothing: Chroma indexes as it goes."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks."""
        kept = self._found(collection)
        if kept is not None:
            for part in _parts(list(ids), self._batch):
                kept.delete(ids=part)

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        kept = self._found(collection)
        return 0 if kept is None else int(kept.count())

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return sorted(kept.name for kept in self._client.list_collections())

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        if self._found(collection) is not None:
            self._client.delete_collection(collection)

    def _found(self, collection: str) -> Any:
        try:
            return self._client.get_collection(collection, embedding_function=None)
        except NotFoundError:
            return None


def _parts(listed: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
