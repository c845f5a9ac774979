"""FAISS over an SQLite file: the light store, exact, with one commit for vectors and chunks.

The file is the truth; the index in memory is made from it when a collection is first searched and
made again when the file has changed, also by another process.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from ..conditions import Condition, fields
from ..config_finding import VectorDB
from ..filter_table import FilterTable
from ..records import Chunk
from ..vectors import Vectors

_PART = 500
_SCHEMA = """
create table if not exists chunks (
    place integer primary key, collection text not null, id text not null,
    body text not null, vector blob not null, unique (collection, id)
);
"""


def open_store(_settings: VectorDB, folder: Path) -> FaissStore:
    """Open the store in this folder; the first use makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    return FaissStore(folder / "faiss.db")


@dataclass(frozen=True, slots=True)
class _View:
    version: int
    ids: list[str]
    index: Any
    table: FilterTable


class FaissStore:
    """Collections in one SQLite file, searched by a flat index of inner products."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._file.execute("pragma journal_mode = wal")
        self._file.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._views: dict[str, _View] = {}
        self._writes = 0

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id, in one commit."""
        rows = [
            (collection, chunk.id, chunk.packed(), row.astype("<f4").tobytes())
            for chunk, row in zip(chunks, vectors, strict=True)
        ]
        self._write(
            "insert into chunks (collection, id, body, vector) values (?, ?, ?, ?) on conflict "
            "(collection, id) do update set body = excluded.body, vector = excluded.vector",
            rows,
        )

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        view = self._view(collection)
        if not view.ids:
            return []
        query = np.asarray(vector, dtype=np.float32).reshape(1, -1)
        options = None
        if where is not None:
            bits = np.packbits(view.table.mask(where), bitorder="little")
            untyped: Any = faiss  # its stubs know only what SWIG made, not these two constructors
            options = untyped.SearchParameters(sel=untyped.IDSelectorBitmap(bits))
        scores, places = view.index.search(query, min(k, len(view.ids)), params=options)
        pairs = zip(places[0], scores[0], strict=True)
        return [(view.ids[place], float(score)) for place, score in pairs if place >= 0]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        found: dict[str, Chunk] = {}
        for start in range(0, len(ids), _PART):
            part = list(ids[start : start + _PART])
            marks = ",".join("?" * len(part))
            sql = f"select id, body from chunks where collection = ? and id in ({marks})"  # noqa: S608
            rows = self._read(sql, [collection, *part])
            found.update((name, Chunk.unpacked(body)) for name, body in rows)
        return [found[name] for name in ids if name in found]

    def seal(self, collection: str) -> None:
        """Make the index in memory now."""
        self._view(collection)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks."""
        sql = "delete from chunks where collection = ? and id = ?"
        self._write(sql, [(collection, name) for name in ids])

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        sql = "select count(*) from chunks where collection = ?"
        return int(self._read(sql, [collection])[0][0])

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return [n for (n,) in self._read("select distinct collection from chunks order by 1", [])]

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        self._write("delete from chunks where collection = ?", [(collection,)])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        with self._lock, self._file:
            self._file.executemany(sql, rows)
            self._writes += 1

    def _read(self, sql: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._file.execute(sql, values).fetchall()

    def _view(self, collection: str) -> _View:
        with self._lock:
            (others,) = self._file.execute("pragma data_version").fetchone()
            version = hash((others, self._writes))
            view = self._views.get(collection)
            if view is None or view.version != version:
                view = self._views[collection] = self._made(collection, version)
            return view

    def _made(self, collection: str, version: int) -> _View:
        sql = "select id, body, vector from chunks where collection = ? order by place"
        ids, told, blobs = [], [], []
        for name, body, blob in self._file.execute(sql, [collection]):
            ids.append(name)
            told.append(fields(Chunk.unpacked(body)))
            blobs.append(blob)
        matrix = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(ids), -1 if ids else 0)
        index = faiss.IndexFlatIP(matrix.shape[1]) if ids else None
        if index is not None:
            index.add(np.ascontiguousarray(matrix, dtype=np.float32))
        return _View(version, ids, index, FilterTable.of(told))
