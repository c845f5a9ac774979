"""Vectors of texts that were embedded before: one SQLite file a workspace, by content, bounded.

What is done is kept batch by batch, so that an interrupted build goes on where it was.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import numpy as np

from .records import Embedder, Role
from .vectors import Vectors

_MOST_BYTES = 4 << 30
_FIRST, _MOST, _SECONDS = 16, 512, 1.0
"""Texts of a step: twice as many each time, until one takes a second. So a kill costs little, and
whoever waits is told."""
_SELECT = 500
_SCHEMA = """
create table if not exists vectors (
    place integer primary key, key blob not null unique, vector blob not null
);
"""


class CachedEmbedder:
    """An embedder that asks the model only for texts it has not seen; queries are not kept.

    `done` is told of texts that are ready, so many more each time; `asked` counts the texts that
    the model was asked for.
    """

    def __init__(self, embedder: Embedder, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        self.name, self.dimension = embedder.name, embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.tokens = embedder.tokens
        self.done: Callable[[int], object] = id  # nobody listens
        self.asked = 0
        self._embedder = embedder
        self._most = max(1, most_bytes // (embedder.dimension * 4 + 100))
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._file.execute("pragma journal_mode = wal")
        self._file.execute("pragma synchronous = normal")
        self._file.executescript(_SCHEMA)

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return float32 (n, dimension), each row of length 1."""
        if role == "query":
            return self._embedder.embed(texts, role)
        keys = [self._key(text) for text in texts]
        found = self._kept(set(keys))
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        self.done(len(texts) - len(fresh))
        order = sorted(fresh, key=lambda key: len(fresh[key]))  # alike in length, embedded together
        step = _FIRST
        while order:
            begun = monotonic()
            part, order = order[:step], order[step:]
            vectors = self._embedder.embed([fresh[key] for key in part], role)
            self._keep(part, vectors)
            self.asked += len(part)
            found.update(zip(part, vectors, strict=True))
            self.done(len(part))
            if monotonic() - begun < _SECONDS:
                step = min(2 * step, _MOST)
        if not keys:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([found[key] for key in keys])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _key(self, text: str) -> bytes:
        data = f"{self.name}\0{text}".encode("utf-8", "replace")
        return hashlib.blake2b(data, digest_size=16).digest()

    def _kept(self, keys: set[bytes]) -> dict[bytes, Vectors]:
        listed, found = list(keys), {}
        for start in range(0, len(listed), _SELECT):
            part = listed[start : start + _SELECT]
            marks = ",".join("?" * len(part))
            sql = f"select key, vector from vectors where key in ({marks})"  # noqa: S608  # marks
            with self._lock:
                rows = self._file.execute(sql, part).fetchall()
            found.update({key: np.frombuffer(blob, dtype="<f4") for key, blob in rows})
        return {key: vector for key, vector in found.items() if len(vector) == self.dimension}

    def _keep(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        rows = [(key, row.astype("<f4").tobytes()) for key, row in zip(keys, vectors, strict=True)]
        with self._lock, self._file:
            self._file.executemany(
                "insert or replace into vectors (key, vector) values (?, ?)", rows
            )
            (newest,) = self._file.execute("select max(place) from vectors").fetchone()
            self._file.execute("delete from vectors where place <= ?", (newest - self._most,))
