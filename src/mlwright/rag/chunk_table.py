"""The chunks of one index version: an SQLite file, written once, then only read."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlwright.rag.records import Chunk

_MANY = 500
_SCHEMA = """
create table chunks (
    row integer primary key, id text not null unique, document text not null, body text not null
);
"""


class ChunkTable:
    """Chunks by id and by row; safe to read from several threads."""

    def __init__(self, connection: sqlite3.Connection, held: int | None = None) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._release = weakref.finalize(self, os.close, held) if held is not None else None

    @classmethod
    def open(cls, path: Path, *, held: Path | None = None) -> ChunkTable:
        """Open a finished table for reading; meanwhile the file `held` has a shared lock."""
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        if held is None:
            return cls(connection)
        file = os.open(held, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(file, fcntl.LOCK_SH)
        return cls(connection, file)

    @staticmethod
    def write(path: Path, chunks: Iterable[Chunk]) -> int:
        """Make the file of these chunks, and return how many they are.

        Raises:
            sqlite3.IntegrityError: two chunks have one id.
        """
        connection = sqlite3.connect(path)
        try:
            connection.execute("pragma journal_mode = off")
            connection.execute("pragma synchronous = off")  # the folder is renamed when complete
            connection.executescript(_SCHEMA)
            with connection:
                done = connection.executemany(
                    "insert into chunks values (?, ?, ?, ?)",
                    ((row, c.id, c.document, c.packed()) for row, c in enumerate(chunks)),
                )
            return max(done.rowcount, 0)
        finally:
            connection.close()

    def __len__(self) -> int:
        return int(self._select("select count(*) from chunks")[0][0])

    def all(self) -> Iterator[Chunk]:
        """Yield every chunk by row, a few hundred in memory at a time."""
        for batch in self.batches(_MANY):
            yield from batch

    def batches(self, size: int) -> Iterator[list[Chunk]]:
        """Yield every chunk by row, in lists of this size."""
        row = 0
        while rows := self.at(range(row, row + size)):
            yield rows
            row += size

    def get(self, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids, in this order; unknown ids are left out."""
        found: dict[str, Chunk] = {}
        for i in range(0, len(ids), _MANY):
            part = list(ids[i : i + _MANY])
            marks = ",".join("?" * len(part))
            sql = f"select id, body from chunks where id in ({marks})"  # noqa: S608  # marks alone
            found.update((name, Chunk.unpacked(body)) for name, body in self._select(sql, part))
        return [found[name] for name in ids if name in found]

    def at(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of these rows, in this order; rows beyond the end are left out."""
        found: dict[int, Chunk] = {}
        for i in range(0, len(rows), _MANY):
            part = [int(row) for row in rows[i : i + _MANY]]
            marks = ",".join("?" * len(part))
            sql = f"select row, body from chunks where row in ({marks})"  # noqa: S608
            found.update((row, Chunk.unpacked(body)) for row, body in self._select(sql, part))
        return [found[row] for row in map(int, rows) if row in found]

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        """Return the chunk with those around it in its document, in the order of the text."""
        sql = (
            "select body from chunks, (select row as middle from chunks where id = ?)"
            " where row between middle - ? and middle + ? and document = ? order by row"
        )
        rows = self._select(sql, [chunk.id, before, after, chunk.document])
        return [Chunk.unpacked(body) for (body,) in rows]

    def of_document(self, document: str, first: int, count: int) -> list[Chunk]:
        """Return a document's chunks, which lie from its first row on."""
        sql = "select body from chunks where row >= ? and row < ? and document = ? order by row"
        return [Chunk.unpacked(b) for (b,) in self._select(sql, [first, first + count, document])]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        if self._release:
            self._release()

    def _select(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()
