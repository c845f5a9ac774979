"""Lines of the prediction log as a table: fast where all are alike, and never stopped by a line."""

from __future__ import annotations

import io

import msgspec
import polars as pl

from .lines import Prediction
from .lines import line as encoded

PREFIX = "features."
COLUMNS = {
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
_NEEDED = ("time", "request_id", "model", "version")
_LOOKED_AT = 101  # one line of so many is looked at for features that are new
_decoder = msgspec.json.Decoder(Prediction)


class Parser:
    """Reads pieces of a log, each in the types that the last one turned out to have.

    Finding types out takes as long again as reading them. A piece that does not fit them, or may
    hold further features, has its own found out.
    """

    def __init__(self) -> None:
        self._schema: pl.Schema | None = None

    def parse(self, piece: bytes) -> tuple[pl.DataFrame, int]:
        """Return whole lines as a table, and how many could not be read."""
        try:
            table = self._alike(piece)
            if table is None:
                table = self._table(piece)
        except pl.exceptions.PolarsError:
            lines = piece.splitlines(keepends=True)
            good = [record for line in lines if (record := _record(line)) is not None]
            return self._table(_uniform(good)), len(lines) - len(good)
        sound = table.drop_nulls(_NEEDED)
        return sound, table.height - sound.height

    def _alike(self, piece: bytes) -> pl.DataFrame | None:
        schema = self._schema
        if schema is None or not _fits(piece, schema):
            return None
        try:
            return _flat(pl.read_ndjson(io.BytesIO(piece), schema=schema), schema["score"])
        except pl.exceptions.PolarsError:
            return None

    def _table(self, piece: bytes) -> pl.DataFrame:
        """Read lines that may come from models of one class of scores or of both."""
        lists = piece.count(b'"score":[')
        if lists == 0:
            return self._read(piece, pl.Float64())
        if lists == piece.count(b"\n"):
            return self._read(piece, pl.List(pl.Float64()))
        lines = piece.splitlines(keepends=True)
        with_list = b"".join(line for line in lines if b'"score":[' in line)
        without = b"".join(line for line in lines if b'"score":[' not in line)
        return joined([self._read(with_list, pl.List(pl.Float64())), self._read(without)])

    def _read(self, piece: bytes, score: pl.DataType = pl.Float64()) -> pl.DataFrame:  # noqa: B008
        if not piece:
            return pl.DataFrame(schema=COLUMNS)
        types = {**COLUMNS, "score": score}
        table = pl.read_ndjson(io.BytesIO(piece), schema_overrides=types, infer_schema_length=None)
        if types.keys() <= set(table.columns) and isinstance(table.schema["features"], pl.Struct):
            self._schema = table.schema
        return _flat(table, score)


def _fits(piece: bytes, schema: pl.Schema) -> bool:
    """Say whether each line seems to have the keys of the schema and no others.

    A reader that is given the types passes over other keys in silence, so they are counted.
    """
    features = schema["features"]
    names = {field.name for field in features.fields} if isinstance(features, pl.Struct) else set()
    rows = piece.count(b"\n")
    if piece.count(b'":') != rows * (len(schema) + len(names)):
        return False
    looked_at = piece.splitlines()[::_LOOKED_AT] if rows <= _LOOKED_AT else _some(piece, rows)
    found = [_record(line) for line in looked_at]
    return all(record is not None and record.features.keys() <= names for record in found)


def _some(piece: bytes, rows: int) -> list[bytes]:
    """Return lines from all over the piece, without taking it apart."""
    step = max(len(piece) // (rows // _LOOKED_AT + 1), 1)
    lines = []
    for at in range(0, len(piece), step):
        start = piece.rfind(b"\n", 0, at) + 1
        end = piece.find(b"\n", start)
        lines.append(piece[start : end if end >= 0 else len(piece)])
    return lines


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


def _flat(table: pl.DataFrame, score: pl.DataType) -> pl.DataFrame:
    types = {**COLUMNS, "score": score}
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in types.items() if name not in table
    ]
    table = table.with_columns(missing)
    if isinstance(table.schema.get("features"), pl.Struct):
        features = table["features"].struct.unnest()
        renamed = features.rename({name: PREFIX + name for name in features.columns})
        return table.select(*types).hstack(renamed)
    return table.select(*types)


def joined(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the tables under one another, ordered by time."""
    filled = [table for table in tables if table.height]
    if not filled:
        return pl.DataFrame(schema=COLUMNS)
    if len({table.schema["score"] for table in filled}) > 1:
        filled = [_listed(table) for table in filled]
    table = filled[0] if len(filled) == 1 else pl.concat(filled, how="diagonal_relaxed")
    # Sorting copies the table; one worker's log is in order already.
    return table if table["time"].is_sorted() else table.sort("time", maintain_order=True)


def _listed(table: pl.DataFrame) -> pl.DataFrame:
    if table.schema["score"] == pl.Float64:
        return table.with_columns(pl.concat_list("score"))
    return table
