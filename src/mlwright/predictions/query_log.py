"""Reads the query log back as tables: what was asked, and what was thought of the answers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from . import reader
from .queries import Feedback, Query

QUERIES = {
    "time": pl.Float64(),
    "request_id": pl.String(),
    "key": pl.String(),
    "model": pl.String(),
    "version": pl.Int64(),
    "query": pl.String(),
    "answer": pl.String(),
    "cached": pl.Boolean(),
    "cost": pl.Float64(),
    "latency_ms": pl.Float64(),
    "route": pl.String(),
}
FEEDBACK = {"time": pl.Float64(), "request_id": pl.String(), "score": pl.Float64()}
_LINES = {"line": pl.String(), **QUERIES, "hits": pl.List(pl.String()), "score": pl.Float64()}
_TABLE = {**{name: kind for name, kind in _LINES.items() if name != "hits"}, "found": pl.UInt32()}
_ASKS = ("time", "request_id", "model", "version", "answer", "latency_ms", "route", "hits")
_OF_A_MODEL = b'{"time":'  # how a prediction's line begins

_decoder = msgspec.json.Decoder(Query | Feedback)


@dataclass(frozen=True, slots=True)
class Asked:
    """A span of the query log, by time.

    `queries` has the columns of a line, and `found`: how many hits there were. `feedback` is the
    newest score of each of these requests. `skipped` counts lines that could not be read; `strange`
    are requests that were judged in the span and are not asked in the same files.
    """

    queries: pl.DataFrame
    feedback: pl.DataFrame
    skipped: int
    strange: pl.Series


def read(folder: Path, *, since: float, until: float) -> Asked:
    """Read what was asked with since <= time < until, and what was thought of it, whenever told.

    Tests are left out, and what a candidate answered too late. A folder that is not there, or holds
    no queries, gives empty tables.
    """
    tables, skipped = [pl.DataFrame(schema=_TABLE)], 0
    for table, bad in _tables(folder, since):
        tables.append(table)
        skipped += bad
    lines = pl.concat(tables).sort("time", maintain_order=True)
    in_span = pl.col("time").is_between(since, until, closed="left")
    asked = lines.filter(pl.col("line") == "query").select(*QUERIES, "found")
    told = lines.filter(pl.col("line") == "feedback").select(*FEEDBACK)
    told = told.unique("request_id", keep="last", maintain_order=True)
    queries = reader.delivered(asked.filter(in_span))
    queries = queries.unique("request_id", keep="first", maintain_order=True)
    strange = told.filter(in_span).join(asked, on="request_id", how="anti")
    judged = told.join(queries, on="request_id", how="semi")
    return Asked(queries, judged, skipped, strange["request_id"])


def unknown(folder: Path, requests: pl.Series) -> int:
    """Return how many of these requests no line of the whole log asks."""
    left = set(requests.to_list())
    for table, _ in _tables(folder, None) if left else ():
        left.difference_update(table.filter(pl.col("line") == "query")["request_id"].to_list())
    return len(left)


def forget(folder: Path, *, before: float) -> int:
    """Remove files of the log last written before a moment; return how many."""
    removed = 0
    for path in reader.segments(folder, reader.STEM):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def _tables(folder: Path, since: float | None) -> Iterator[tuple[pl.DataFrame, int]]:
    """Give the sound lines of each piece, and how many others of this log there were."""
    kind = pl.col("line")
    asks, judges = (
        pl.all_horizontal(pl.col(name).is_not_null() for name in names)
        for names in (_ASKS, FEEDBACK)
    )
    for piece in reader.pieces(folder, reader.STEM, since=since):
        table, bad = _parsed(piece)
        mine = table.filter(kind.is_not_null())  # a model may have answered here once
        sound = mine.filter(((kind == "query") & asks) | ((kind == "feedback") & judges))
        found = pl.col("hits").list.len().alias("found")
        yield sound.with_columns(found).select(*_TABLE), bad + mine.height - sound.height


def _parsed(piece: bytes) -> tuple[pl.DataFrame, int]:
    """Return the lines as a table, and how many are none; a damaged piece is read line by line."""
    try:
        return pl.read_ndjson(io.BytesIO(piece), schema=_LINES), 0
    except pl.exceptions.PolarsError:
        lines = [line for line in piece.splitlines() if not line.startswith(_OF_A_MODEL)]
        rows = [row for row in map(_row, lines) if row is not None]
        return pl.DataFrame(rows, schema=_LINES, orient="row"), len(lines) - len(rows)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        made: dict[str, Any] = msgspec.to_builtins(_decoder.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return {name: made.get(name) for name in _LINES}
