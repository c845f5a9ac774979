"""Pinecone: one index at the service, in which each collection is a namespace."""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pinecone import (
    ApiError,
    NotFoundError,
    Pinecone,
    PineconeConnectionError,
    PineconeError,
    PineconeTimeoutError,
    ServerlessSpec,
)

from mlwright.core.errors import ConfigError, DataError, RemoteError
from mlwright.core.secrets import reveal

from ..conditions import Condition, without_not
from ..config_finding import VectorDB
from ..records import Chunk
from ..retries import CallFailed
from ..vectors import Vectors
from .dollar import Dialect, dollar, flat
from .remote import a_call, latest, numbers, parts, refusal

_DIALECT = Dialect("Pinecone", ne_finds_missing=False)
_BODY = "~chunk"
_WHERE = ServerlessSpec(cloud="aws", region="us-east-1")
"""Where a new index is made; one of another region is made at Pinecone, and used as it is."""
_MOST_METADATA = 40_000
_MOST_BYTES = 1_800_000
_AT_ONCE = 4
_FETCHED = 100
_DELETED = 1_000
_SECONDS = 30.0
_READY = 300
_SEEN = 90.0
_FIRST_LOOK = 0.05
_LONGEST_LOOK = 5.0


def open_store(settings: VectorDB, _folder: Path) -> PineconeStore:
    """Open the index `vector_db.index_name`; the first upsert makes it where it is not there.

    The key is `vector_db.api_key` or the variable PINECONE_API_KEY; `vector_db.url` is another
    address of Pinecone's control.

    Raises:
        ConfigError: there is no key.
    """
    key = reveal(settings.api_key or "env:PINECONE_API_KEY")
    with _in_our_words():
        client = Pinecone(api_key=key, host=settings.url, timeout=_SECONDS)
    return PineconeStore(client, settings.index_name or "mlwright")


class PineconeStore:
    """Collections as namespaces; the client tries again what is refused for a while.

    `close` closes the connections, and is called when nobody has the store any more.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._name = client, name
        self._sleep, self._monotonic = sleep, monotonic
        self._index: Any = None
        self._open = ExitStack()
        self._open.callback(client.close)
        self.close = weakref.finalize(self, self._open.close)
        self._made: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id.

        Raises:
            ConfigError: the index is of another dimension or metric.
            DataError: a chunk is larger than Pinecone takes.
            RemoteError: Pinecone refused some or all of them.
        """
        if not chunks:
            return
        places = latest(chunks)
        told = [_metadata(chunks[place]) for place in places]
        rows = [
            {"id": chunks[place].id, "values": values, "metadata": metadata}
            for place, values, metadata in zip(places, numbers(vectors[places]), told, strict=True)
        ]
        size = a_call(_MOST_BYTES, vectors.shape[1], max(map(_bytes, told)))
        with _in_our_words():
            index = self._opened(vectors.shape[1])
            done = index.upsert(
                vectors=rows,
                namespace=collection,
                batch_size=size,
                max_concurrency=_AT_ONCE,
                show_progress=False,
            )
        if done.has_errors:
            reason = done.errors[0].error_message
            raise RemoteError(
                f"pinecone took {done.upserted_count} of {len(rows)} chunks: {reason}",
                hint="run the command again; what was embedded is kept",
            )
        self._made.setdefault(collection, set()).update(chunk.id for chunk in chunks)

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        said = None if where is None else dollar(without_not(where), _DIALECT)
        with _in_our_words():
            index = self._opened()
            if index is None:
                return []
            answer = index.query(
                vector=numbers(vector.reshape(1, -1))[0],
                top_k=k,
                namespace=collection,
                filter=said,
            )
        return [(match.id, float(match.score)) for match in answer.matches]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        found: dict[str, Chunk] = {}
        with _in_our_words():
            index = self._opened()
            for part in parts(list(dict.fromkeys(ids)) if index else [], _FETCHED):
                kept = index.fetch(ids=list(part), namespace=collection).vectors
                for name, row in kept.items():
                    found[name] = Chunk.unpacked(row.metadata[_BODY])
        return [found[name] for name in ids if name in found]

    def seal(self, collection: str) -> None:
        """Wait until Pinecone counts what it took: what was written is seen a little later."""
        made = self._made.pop(collection, set())
        until, wait = self._monotonic() + _SEEN, _FIRST_LOOK
        while self.count(collection) < len(made) and self._monotonic() < until:
            self._sleep(wait)
            wait = min(_LONGEST_LOOK, wait * 2)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks."""
        with _in_our_words():
            index = self._opened()
            for part in parts(ids if index else [], _DELETED):
                try:
                    index.delete(ids=list(part), namespace=collection)
                except NotFoundError:
                    return  # no such namespace

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        summary = self._namespaces().get(collection)
        return 0 if summary is None else int(summary.vector_count)

    def collections(self) -> list[str]:
        """Return the names of all namespaces, sorted."""
        return sorted(name for name in self._namespaces() if name not in ("", "__default__"))

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        self._made.pop(collection, None)
        with _in_our_words():
            index = self._opened()
            if index is not None:
                try:
                    index.delete_namespace(name=collection)
                except NotFoundError:
                    return

    def _namespaces(self) -> dict[str, Any]:
        with _in_our_words():
            index = self._opened()
            return {} if index is None else dict(index.describe_index_stats().namespaces)

    def _opened(self, dimension: int | None = None) -> Any:
        """Return the index, or None where it is not there and no dimension to make it with."""
        with self._lock:
            if self._index is None:
                if not self._client.has_index(self._name):
                    if dimension is None:
                        return None
                    self._client.create_index(
                        name=self._name,
                        dimension=dimension,
                        metric="cosine",
                        spec=_WHERE,
                        timeout=_READY,
                    )
                self._check(dimension)
                self._index = self._client.Index(self._name)
                self._open.callback(self._index.close)
            return self._index

    def _check(self, dimension: int | None) -> None:
        found = self._client.describe_index(self._name)
        if found.metric != "cosine" or (dimension and found.dimension != dimension):
            raise ConfigError(
                f"the index {self._name!r} at Pinecone compares {found.dimension} numbers by "
                f"{found.metric}, and {dimension or found.dimension} by cosine are needed",
                hint="name another one by vector_db.index_name; it is made when it is not there",
            )


def _metadata(chunk: Chunk) -> dict[str, Any]:
    """Return the fields for filters, and the chunk itself.

    Raises:
        DataError: it is more than Pinecone keeps with a vector.
    """
    told: dict[str, Any] = {
        name: value for name, value in flat(chunk).items() if not name.startswith("$")
    }
    told[_BODY] = chunk.packed()
    size = _bytes(told)
    if size > _MOST_METADATA:
        raise DataError(
            f"{chunk.source}: a chunk of {size:,} bytes; Pinecone keeps {_MOST_METADATA:,}",
            hint="make chunking.size smaller, or choose another vector_db.type",
        )
    return told


def _bytes(metadata: dict[str, Any]) -> int:
    return len(json.dumps(metadata, ensure_ascii=False).encode())


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except ApiError as exc:
        headers = {name.lower(): value for name, value in (exc.headers or {}).items()}
        raise refusal("pinecone", exc.status_code, exc.message, headers) from exc
    except (PineconeConnectionError, PineconeTimeoutError) as exc:
        raise CallFailed(
            "pinecone could not be reached", passing=True, hint="check vector_db.url"
        ) from exc
    except PineconeError as exc:
        raise CallFailed(f"pinecone: {exc}", passing=False) from exc
