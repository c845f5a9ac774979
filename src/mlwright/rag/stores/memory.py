"""Vectors in this process's memory, compared one by one: exact, and gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..conditions import Condition, fields
from ..config_finding import VectorDB
from ..filter_table import FilterTable
from ..records import Chunk
from ..vectors import Vectors


def open_store(_settings: VectorDB, _folder: Path) -> MemoryStore:
    """Open an empty store."""
    return MemoryStore()


@dataclass
class _Collection:
    chunks: dict[str, Chunk] = field(default_factory=dict)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    view: tuple[list[str], Vectors, FilterTable] | None = None

    def seen(self) -> tuple[list[str], Vectors, FilterTable]:
        if self.view is None:
            ids = list(self.chunks)
            table = FilterTable.of(fields(chunk) for chunk in self.chunks.values())
            self.view = ids, np.stack([self.vectors[name] for name in ids]), table
        return self.view


class MemoryStore:
    """Collections as dictionaries, with a matrix made when first searched."""

    def __init__(self) -> None:
        self._collections: dict[str, _Collection] = {}
        self._lock = threading.Lock()

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id."""
        with self._lock:
            kept = self._collections.setdefault(collection, _Collection())
            kept.chunks.update((chunk.id, chunk) for chunk in chunks)
            kept.vectors.update((c.id, row) for c, row in zip(chunks, vectors, strict=True))
            kept.view = None

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        with self._lock:
            kept = self._collections.get(collection)
            if kept is None or not kept.chunks:
                return []
            ids, matrix, table = kept.seen()
        scores = matrix @ np.asarray(vector, dtype=np.float32).ravel()
        rows = np.arange(len(ids)) if where is None else np.flatnonzero(table.mask(where))
        best = rows[nearest(scores[rows], k)]
        return [(ids[row], float(scores[row])) for row in best]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        kept = self._collections.get(collection, _Collection())
        return [kept.chunks[name] for name in ids if name in kept.chunks]

    def seal(self, collection: str) -> None:
        """Make the matrix now."""
        with self._lock:
            if kept := self._collections.get(collection):
                kept.seen()

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks."""
        with self._lock:
            kept = self._collections.get(collection, _Collection())
            for name in ids:
                kept.chunks.pop(name, None)
                kept.vectors.pop(name, None)
            kept.view = None

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        return len(self._collections.get(collection, _Collection()).chunks)

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return sorted(self._collections)

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        with self._lock:
            self._collections.pop(collection, None)


def nearest(scores: Vectors, k: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the places of the k highest scores, highest first, ties by place.

    >>> nearest(np.array([0.1, 0.9, 0.5], dtype=np.float32), 2).tolist()
    [1, 2]
    """
    if k < len(scores):
        lowest = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= lowest)
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")][:k]
