"""Reads the prediction log back as a table, in pieces, skipping and counting damaged lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from .lines import Prediction
from .lines import line as encoded

STEM = "predictions"
PREFIX = "features."
PIECE = 16 * 1024 * 1024

_COLUMNS = {
    "time": pl.Float64(),
    "request_id": pl.String(),
    "key": pl.String(),
    "model": pl.String(),
    "version": pl.Int64(),
    "prediction": pl.String(),
    "score": pl.Float64(),
    "latency_ms": pl.Float64(),
    "route": pl.String(),
}
_decoder = msgspec.json.Decoder(Prediction)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the prediction log: one row a prediction, ordered by time.

    `table` has the columns of a line, with each feature in a column `features.<name>`; labels are
    written as text, `score` is a number, or a list where a model of many classes answered.
    `skipped` counts lines that could not be read: a crash leaves at most one a process.
    """

    table: pl.DataFrame
    skipped: int
    since: float | None
    until: float | None


def read(folder: Path, *, since: float | None = None, until: float | None = None) -> Window:
    """Read the predictions with since <= time < until, in seconds since 1970.

    A folder that is not there, or holds no predictions, is an empty window.
    """
    skipped = 0
    tables: list[pl.DataFrame] = []
    for piece in pieces(folder, STEM, since=since):
        table, bad = _parse(piece)
        skipped += bad
        tables.append(_between(table, since, until))
    return Window(_delivered(_joined(tables)), skipped, since, until)


def pieces(folder: Path, stem: str, *, since: float | None = None) -> Iterator[bytes]:
    """Give the content of all files of a kind in pieces of whole lines, about 16 MB each.

    A file last written before `since` holds nothing of interest and is not opened.
    """
    for path in sorted(folder.glob(f"{stem}-*.jsonl")):
        if since is not None and path.stat().st_mtime < since - 1:
            continue
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece + (b"" if piece.endswith(b"\n") else file.readline())


def _parse(piece: bytes) -> tuple[pl.DataFrame, int]:
    try:
        table = _table(piece)
    except pl.exceptions.PolarsError:
        lines = piece.splitlines(keepends=True)
        good = [record for line in lines if (record := _record(line)) is not None]
        return _table(_uniform(good)), len(lines) - len(good)
    sound = table.drop_nulls(["time", "request_id", "model", "version"])
    return sound, table.height - sound.height


def _record(line: bytes) -> Prediction | None:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _uniform(records: list[Prediction]) -> bytes:
    """Write the records again with features that have one type each, as a table needs it.

    A truth value beside numbers becomes 0 or 1, an integer of more than 64 bits a float.
    """
    numbers = {
        name
        for record in records
        for name, value in record.features.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    for record in records:
        for name, value in record.features.items():
            if isinstance(value, int) and name in numbers:
                small = -(2**63) <= value < 2**63
                record.features[name] = int(value) if small else float(value)
    return b"".join(map(encoded, records))


def _table(piece: bytes) -> pl.DataFrame:
    """Read lines that may come from models of one class of scores or of both."""
    lists = piece.count(b'"score":[')
    if lists == 0:
        return _read(piece, pl.Float64())
    if lists == piece.count(b"\n"):
        return _read(piece, pl.List(pl.Float64()))
    lines = piece.splitlines(keepends=True)
    with_list = b"".join(line for line in lines if b'"score":[' in line)
    without = b"".join(line for line in lines if b'"score":[' not in line)
    return _joined([_read(with_list, pl.List(pl.Float64())), _read(without, pl.Float64())])


def _read(piece: bytes, score: pl.DataType) -> pl.DataFrame:
    if not piece:
        return pl.DataFrame(schema=_COLUMNS)
    types = {**_COLUMNS, "score": score}
    table = pl.read_ndjson(io.BytesIO(piece), schema_overrides=types, infer_schema_length=None)
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in types.items() if name not in table
    ]
    table = table.with_columns(missing)
    if isinstance(table.schema.get("features"), pl.Struct):
        features = table["features"].struct.unnest()
        renamed = features.rename({name: PREFIX + name for name in features.columns})
        return table.select(*types).hstack(renamed)
    return table.select(*types)


def _between(table: pl.DataFrame, since: float | None, until: float | None) -> pl.DataFrame:
    if since is not None:
        table = table.filter(pl.col("time") >= since)
    if until is not None:
        table = table.filter(pl.col("time") < until)
    return table


def _delivered(table: pl.DataFrame) -> pl.DataFrame:
    """Leave out what a candidate predicted too late: the champion had answered in its place."""
    answered = table.filter(pl.col("route") == "fallback")["request_id"]
    if answered.is_empty():
        return table
    late = (pl.col("route") == "candidate") & pl.col("request_id").is_in(answered.implode())
    return table.filter(~late)


def _joined(tables: list[pl.DataFrame]) -> pl.DataFrame:
    filled = [table for table in tables if table.height]
    if not filled:
        return pl.DataFrame(schema=_COLUMNS)
    if len({table.schema["score"] for table in filled}) > 1:
        filled = [_listed(table) for table in filled]
    table = pl.concat(filled, how="diagonal_relaxed")
    # Sorting copies the table; one worker's log is in order already.
    return table if table["time"].is_sorted() else table.sort("time", maintain_order=True)


def _listed(table: pl.DataFrame) -> pl.DataFrame:
    if table.schema["score"] == pl.Float64:
        return table.with_columns(pl.concat_list("score"))
    return table
