"""The first columns of a Parquet file, read while the rest of the program is still imported."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl

_CELLS = 1 << 24  # held at most, some 128 MB of numbers


class Ahead:
    """Begins at once, in a thread of its own; what cannot be read is left to who asks for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Future[pl.Series]] = {}
        if path.suffix.lower() not in (".parquet", ".pq") or not path.is_file():
            return
        try:
            lazy = pl.scan_parquet(path)
            rows = int(lazy.select(pl.len()).collect().item())
            names = lazy.collect_schema().names()[: _CELLS // max(rows, 1)]
        except (pl.exceptions.PolarsError, OSError):
            return
        pool = ThreadPoolExecutor(1)
        self._read = {name: pool.submit(read_column, path, name) for name in names}

    def column(self, name: str) -> pl.Series:
        """Return a column; once it was asked for, it is no longer held.

        Raises:
            PolarsError, OSError: it cannot be read.
        """
        begun = self._read.pop(name, None)
        if begun is None or begun.cancel():
            return read_column(self._path, name)
        return begun.result()


def read_column(path: Path, name: str) -> pl.Series:
    """Return one column of a Parquet file."""
    return pl.read_parquet(path, columns=[name])[name]
