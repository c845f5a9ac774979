"""Rows in files: CSV, Parquet, JSON lines, or a folder of one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlwright.core.errors import DataError
from mlwright.data.read import read
from mlwright.predictions import reader

from . import Sample, Say
from .column_map import ColumnMap, settled

_JSON = (".jsonl", ".ndjson", ".json", ".log")
_PARQUET = (".parquet", ".pq")


class Files:
    """A file or folder of rows; Parquet is read a column at a time."""

    def __init__(
        self,
        path: Path,
        columns: ColumnMap | None = None,
        *,
        lenient: bool = False,
        say: Say = lambda _: None,
    ) -> None:
        self.path = path
        self._lenient = lenient
        self._given = columns or ColumnMap()
        self._say = say

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.path)

    def sample(self, *, since: float | None = None, until: float | None = None) -> Sample:
        """Return the rows with since <= time < until; without a time column, all.

        Raises:
            NotFound: there is no such file.
            DataError: it cannot be read, or lacks a column that was named.
        """
        if _is_log(self.path):
            return self._of_log(since, until)
        if self.path.suffix.lower() in _PARQUET and self.path.is_file():
            return self._of_parquet(since, until)
        table, skipped = self._read()
        return self._of_table(table, since, until, skipped)

    def _read(self) -> tuple[pl.DataFrame, int]:
        files = _json_files(self.path)
        if not files:
            return read(self.path, say=self._say), 0
        parts = [_json_lines(file) for file in files]
        filled = [table for table, _ in parts if table.height]
        if not filled:
            raise DataError(f"{self.path} holds no line that can be read", hint="one JSON a line")
        return pl.concat(filled, how="diagonal_relaxed"), sum(bad for _, bad in parts)

    def _of_log(self, since: float | None, until: float | None) -> Sample:
        window = reader.read(self.path, since=since, until=until)
        table, prefix = window.table, reader.PREFIX
        features = {n.removeprefix(prefix): n for n in table.columns if n.startswith(prefix)}
        facts = table.select(n for n in table.columns if n not in features.values())
        damaged = {"damaged lines": window.skipped} if window.skipped else {}
        return without_repeats(
            table.height,
            tuple(features),
            lambda name: table[features[name]].alias(name),
            facts,
            damaged,
        )

    def _of_parquet(self, since: float | None, until: float | None) -> Sample:
        try:
            lazy = pl.scan_parquet(self.path)
            names = lazy.collect_schema().names()
            rows = int(lazy.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as exc:
            raise DataError(
                f"{self.path} cannot be read as Parquet",
                hint="check that the file is there and was written to its end",
            ) from exc

        def column(name: str) -> pl.Series:
            return pl.read_parquet(self.path, columns=[name])[name]

        return self._sample(names, rows, column, since, until, {})

    def _of_table(
        self, table: pl.DataFrame, since: float | None, until: float | None, skipped: int
    ) -> Sample:
        left_out = {"damaged lines": skipped} if skipped else {}
        return self._sample(table.columns, table.height, table.get_column, since, until, left_out)

    def _sample(
        self,
        names: list[str],
        rows: int,
        column: Callable[[str], pl.Series],
        since: float | None,
        until: float | None,
        left_out: dict[str, int],
    ) -> Sample:
        given = self._given.among(names) if self._lenient else self._given
        columns = settled(given, names, where=self.name)
        roles = columns.roles()
        if guessed := {r: n for r, n in roles.items() if n != getattr(self._given, r)}:
            told = ", ".join(f"{role} = {name}" for role, name in guessed.items())
            self._say(f"{self.name}: taken by its name: {told}")
        renamed = {theirs: ours for ours, theirs in columns.features.items()}
        features = {
            renamed.get(name, name): name
            for name in names
            if name not in roles.values() and name not in columns.ignore
        }
        facts = pl.DataFrame({role: column(name) for role, name in roles.items()})
        kept: pl.Series | None = None
        if "time" in facts.columns:
            time = seconds(facts["time"])
            facts = facts.with_columns(time.alias("time"))
            kept, without = _between(time, since, until)
            if without:
                left_out = {**left_out, "rows without a time": without}

        def feature(name: str) -> pl.Series:
            values = column(features[name]).alias(name)
            return values if kept is None else values.filter(kept)

        if kept is not None:
            facts = facts.filter(kept)
            rows = facts.height
        return without_repeats(rows, tuple(features), feature, facts, left_out)


def without_repeats(
    rows: int,
    features: tuple[str, ...],
    column: Callable[[str], pl.Series],
    facts: pl.DataFrame,
    left_out: dict[str, int],
) -> Sample:
    """Return the sample with the first row of each request id."""
    if "request_id" not in facts.columns:
        return Sample(rows, features, column, facts, left_out)
    ids = facts["request_id"]
    repeated = len(ids) - ids.n_unique()
    if not repeated or ids.null_count():
        return Sample(rows, features, column, facts, left_out)
    first = ids.is_first_distinct()
    return Sample(
        rows - repeated,
        features,
        lambda name: column(name).filter(first),
        facts.filter(first),
        {**left_out, "repeated request ids": repeated},
    )


def seconds(series: pl.Series) -> pl.Series:
    """Return a time as seconds since 1970: numbers (s or ms), ISO 8601 text, dates; else null.

    >>> seconds(pl.Series(["1970-01-01T00:01:00Z", "soon"])).to_list()
    [60.0, None]
    """
    if series.dtype == pl.String:
        numbers = series.cast(pl.Float64, strict=False)
        if numbers.null_count() < len(series):
            return seconds(numbers)
        series = _dates(series)
    if series.dtype.is_temporal():
        return series.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    if not series.dtype.is_numeric():
        return pl.Series(series.name, [None] * len(series), pl.Float64)
    numbers = series.cast(pl.Float64).fill_nan(None)
    middle = numbers.median()
    return numbers / 1000 if isinstance(middle, float) and middle > 1e11 else numbers


def _dates(text: pl.Series) -> pl.Series:
    forms = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
    found = pl.Series(text.name, [None] * len(text), pl.Datetime("us"))
    for form in forms:
        read_as = text.str.to_datetime(form, strict=False, time_unit="us")
        plain = read_as.dt.convert_time_zone("UTC") if form == "%+" else read_as
        found = found.fill_null(plain.dt.replace_time_zone(None))
    return found.fill_null(text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")))


def _between(
    time: pl.Series, since: float | None, until: float | None
) -> tuple[pl.Series | None, int]:
    without = time.null_count()
    if since is None and until is None:
        return None, 0
    low = -np.inf if since is None else since
    high = np.inf if until is None else until
    return ((time >= low) & (time < high)).fill_null(False), without


def _is_log(path: Path) -> bool:
    return path.is_dir() and any(
        True for kind in ("jsonl", "parquet") for _ in path.glob(f"{reader.STEM}-*.{kind}")
    )


def _json_files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        wanted = [file for file in files if file.suffix in _JSON]
        return wanted if len(wanted) == len(files) else []
    return [path] if path.suffix in _JSON and path.exists() else []


def _json_lines(path: Path) -> tuple[pl.DataFrame, int]:
    """Read a file of JSON lines; lines that are none are counted, features in a group unpacked."""
    text = path.read_bytes()
    if not text.strip():
        return pl.DataFrame(), 0
    try:
        table = pl.read_ndjson(text, infer_schema_length=None)
        bad = 0
    except pl.exceptions.PolarsError:
        lines = [line for line in text.splitlines() if line.strip()]
        rows = [row for line in lines if (row := _object(line)) is not None]
        table = pl.DataFrame(_uniform(rows), infer_schema_length=None) if rows else pl.DataFrame()
        bad = len(lines) - len(rows)
    for name in ("features", "inputs"):
        if name in table.columns and isinstance(table.schema[name], pl.Struct):
            table = table.drop(name).hstack(table[name].struct.unnest())
    return table, bad


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _uniform(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as columns of one type each; what differs is text."""
    flat = [
        {**{k: v for k, v in row.items() if k != "features"}, **row["features"]}
        if isinstance(row.get("features"), dict)
        else row
        for row in rows
    ]
    names = dict.fromkeys(name for row in flat for name in row)
    columns: dict[str, list[Any]] = {}
    for name in names:
        values = [row.get(name) for row in flat]
        kinds = {type(value) for value in values if value is not None}
        numeric = kinds <= {int, float}
        if len(kinds) > 1 and not numeric:
            values = [None if v is None else str(v) for v in values]
        elif numeric:
            values = [None if v is None else float(v) for v in values]
        columns[name] = values
    return columns
