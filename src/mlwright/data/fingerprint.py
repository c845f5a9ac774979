"""Tell one table from another: a hash of its names, types and values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import polars as pl


def fingerprint(table: pl.DataFrame) -> str:
    """Return a SHA-256 that changes with any name, type, value or order of rows and columns.

    How the table lies in memory (its chunks) does not matter.

    >>> a = pl.DataFrame({"x": [1, 2]})
    >>> fingerprint(a) == fingerprint(pl.concat([a[:1], a[1:]], rechunk=False))
    True
    """
    digest = hashlib.sha256(f"{table.height}".encode())
    for series in table:
        name = series.name.encode()
        digest.update(f"|{len(name)}|{series.dtype}|".encode() + name)
        for part in _bytes(series):
            digest.update(part)
    return digest.hexdigest()


def _bytes(series: pl.Series) -> Iterator[bytes]:
    yield series.is_null().to_numpy().tobytes()
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        yield series.str.len_bytes().fill_null(0).to_numpy().tobytes()
        yield "".join(series.fill_null("").to_list()).encode()
    elif series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        yield repr(series.to_list()).encode()
    else:
        physical = series.to_physical()
        empty = False if physical.dtype == pl.Boolean else 0
        yield physical.fill_null(empty).to_numpy().tobytes()
