"""LanceDB: an embedded store on disk, one table a collection, with an index once it is large."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import BTree, IvfFlat
from numpy.typing import NDArray

from ..conditions import All, AnyOf, Compare, Condition, In, Lacks, fields, kind, without_not
from ..config_finding import VectorDB
from ..records import Chunk, Value
from ..vectors import Vectors
from .columns import column, columns

_TYPES = {"b": pa.bool_(), "n": pa.float64(), "s": pa.string()}
_SQL_TYPES = {"b": "boolean", "n": "double", "s": "string"}
_INDEXED = 4_000
"""Rows from which on an index is made: below, comparing all takes no longer."""
_PARTS = IvfFlat(
    distance_type="cosine", target_partition_size=400, sample_rate=64, max_iterations=20
)
_PARTS_SEARCHED, _PARTS_FILTERED = 32, 40
_MOST_COLUMNS = 200
_AT_ONCE = timedelta(milliseconds=1)


def open_store(_settings: VectorDB, folder: Path) -> LanceStore:
    """Open the database in this folder; the first use makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    return LanceStore(folder / "lancedb")


class LanceStore:
    """Collections as tables; each field of the metadata is a column of its type."""

    def __init__(self, folder: Path) -> None:
        self._database = lancedb.connect(str(folder))
        self._tables: dict[str, Any] = {}
        self._made: dict[str, set[str]] = {}
        self._names: dict[str, tuple[int, NDArray[np.uint64], pa.Array]] = {}
        self._lock = threading.RLock()

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id, in one commit."""
        if not chunks:
            return
        latest = {chunk.id: place for place, chunk in enumerate(chunks)}  # the last of an id
        places = sorted(latest.values())
        rows = _rows([chunks[place] for place in places], vectors[places])
        with self._lock:
            table = self._table(collection)
            if table is None:
                self._tables[collection] = self._database.create_table(collection, rows)
                self._made[collection] = set(latest)
                return
            self._add_columns(table, rows.schema)
            made = self._made.get(collection)
            if made is not None and made.isdisjoint(latest):  # nothing to replace: no search for it
                table.add(_filled(rows, table.schema))
                made.update(latest)
                return
            (
                table.merge_insert("id")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute(_filled(rows, table.schema))
            )

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        table = self._table(collection)
        if table is None:
            return []
        query = (
            table.search(np.asarray(vector, dtype=np.float32).ravel())
            .distance_type("cosine")
            .minimum_nprobes(_PARTS_SEARCHED if where is None else _PARTS_FILTERED)
            .maximum_nprobes(0)  # more are searched where a filter leaves fewer than k
            .with_row_id(True)
            .select(["_distance"])
            .limit(k)
        )
        if where is not None:
            query = query.where(_sql(without_not(where), set(table.schema.names)), prefilter=True)
        found = query.to_arrow()
        rows, names = self._named(collection, table)
        places = np.searchsorted(rows, found["_rowid"].to_numpy())
        near = zip(names.take(places).to_pylist(), found["_distance"].to_pylist(), strict=True)
        return [(name, 1 - distance) for name, distance in near]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        table = self._table(collection)
        if table is None or not ids:
            return []
        asked = table.search().where(_ids(ids)).select(["id", "chunk"]).limit(len(ids))
        rows = asked.to_arrow().to_pylist()
        found = {row["id"]: Chunk.unpacked(row["chunk"]) for row in rows}
        return [found[name] for name in ids if name in found]

    def seal(self, collection: str) -> None:
        """Join the pieces, and index vectors and fields where there are many."""
        with self._lock:
            table = self._table(collection)
            if table is None:
                return
            table.optimize(cleanup_older_than=_AT_ONCE)  # nobody reads it before it is sealed
            if table.count_rows() < _INDEXED:
                return
            table.create_index("vector", config=_PARTS)  # after: optimize joins the parts of one
            for name in table.schema.names:
                if name[:2] in ("s_", "n_"):
                    table.create_index(name, config=BTree())

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks."""
        table = self._table(collection)
        if table is not None and ids:
            table.delete(_ids(ids))

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        table = self._table(collection)
        return 0 if table is None else int(table.count_rows())

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        found: list[str] = []
        while True:
            page = self._database.list_tables(page_token=found[-1] if found else None, limit=100)
            found += page.tables
            if not page.tables or not page.page_token:
                return sorted(found)

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        with self._lock:
            self._tables.pop(collection, None)
            self._made.pop(collection, None)
            self._names.pop(collection, None)
            if collection in self.collections():
                self._database.drop_table(collection)

    def _table(self, collection: str) -> Any:
        with self._lock:
            if collection not in self._tables:
                if collection not in self.collections():
                    return None
                self._tables[collection] = self._database.open_table(collection)
            return self._tables[collection]

    def _named(self, collection: str, table: Any) -> tuple[NDArray[np.uint64], pa.Array]:
        """Return row ids, sorted, and the chunks' ids: from memory, as reading 100 takes 1 ms."""
        kept = self._names.get(collection)
        if kept is None or kept[0] != table.version:
            version = table.version
            asked = table.search().with_row_id(True).select(["id"]).limit(table.count_rows())
            found = asked.to_arrow().sort_by("_rowid").combine_chunks()
            kept = version, found["_rowid"].to_numpy(), found["id"].combine_chunks()
            self._names[collection] = kept
        return kept[1:]

    def _add_columns(self, table: Any, schema: pa.Schema) -> None:
        new = {
            name: f"cast(null as {_SQL_TYPES[name[0]]})"
            for name in schema.names
            if name not in table.schema.names
        }
        if new:
            table.add_columns(new)


def _rows(chunks: Sequence[Chunk], vectors: Vectors) -> pa.Table:
    told = [columns(fields(chunk)) for chunk in chunks]
    names = sorted({name for row in told for name in row})[:_MOST_COLUMNS]
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    made: dict[str, Any] = {
        "id": pa.array([chunk.id for chunk in chunks]),
        "chunk": pa.array([chunk.packed() for chunk in chunks]),
        "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
    }
    for name in names:
        made[name] = pa.array([row.get(name) for row in told], type=_TYPES[name[0]])
    return pa.table(made)


def _filled(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    for field in schema:
        if field.name not in rows.schema.names:
            rows = rows.append_column(field.name, pa.nulls(len(rows), field.type))
    return rows.select(schema.names)


def _sql(condition: Condition, known: set[str]) -> str:
    match condition:
        case All(parts):
            return "(" + " AND ".join(_sql(part, known) for part in parts) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(_sql(part, known) for part in parts) + ")"
        case Lacks(field, type_):
            name = column(field, type_)
            return f"{name} IS NULL" if name in known else "true"
        case In(field, values):
            name = column(field, kind(values[0]))
            listed = ", ".join(map(_literal, values))
            return f"{name} IN ({listed})" if name in known else "false"
        case Compare(field, sign, value):
            name = column(field, kind(value))
            return f"{name} {sign} {_literal(value)}" if name in known else "false"
    raise ValueError(f"{condition} is not one that without_not makes")


def _literal(value: Value) -> str:
    match kind(value):
        case "b":
            return "true" if value else "false"
        case "n":
            return repr(float(value))
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def _ids(ids: Iterable[str]) -> str:
    return f"id IN ({', '.join(map(_literal, ids))})"
