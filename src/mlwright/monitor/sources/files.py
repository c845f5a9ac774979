"""Rows in files: CSV, Parquet, JSON lines, or a folder of one of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from mlwright.core.errors import DataError
from mlwright.data.delimited import find_delimiter
from mlwright.data.read import read
from mlwright.predictions import reader

from . import Sample, Say
from .ahead import Ahead, read_column
from .column_map import ColumnMap, settled
from .json_lines import json_files, read_json_lines

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".tsv", ".txt")
_ATTEMPTS = 3
_TAIL = 1 << 16


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
        self.ahead: Ahead | None = None  # its reading, where that was begun before
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
        table, skipped = self._read_whole()
        return self._of_table(table, since, until, skipped)

    def _read_whole(self) -> tuple[pl.DataFrame, int]:
        """Read all files, again where one goes while they are read, as a log that is rotated."""
        for _ in range(_ATTEMPTS):
            try:
                return self._read()
            except FileNotFoundError:
                continue
        raise _changed(self.path)

    def _read(self) -> tuple[pl.DataFrame, int]:
        files = json_files(self.path)
        if not files:
            table = read(self.path, say=self._say)
            torn = int(ends_in_mid_line(_last(self.path), table.columns))
            return table.head(table.height - torn), torn
        parts = [read_json_lines(file) for file in files]
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

        reading, self.ahead = self.ahead, None  # what was begun is for the first sample

        def column(name: str) -> pl.Series:
            try:
                values = reading.column(name) if reading else read_column(self.path, name)
            except (pl.exceptions.PolarsError, OSError) as exc:
                raise _changed(self.path) from exc
            if len(values) != rows:
                raise _changed(self.path)
            return values

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
    """Return the sample with the first row of each request id, and all rows without one."""
    if "request_id" not in facts.columns:
        return Sample(rows, features, column, facts, left_out)
    ids = facts["request_id"]
    first = ids.is_first_distinct() | ids.is_null()
    repeated = len(ids) - int(first.sum())
    if not repeated:
        return Sample(rows, features, column, facts, left_out)
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


def ends_in_mid_line(path: Path, columns: Sequence[str]) -> bool:
    """Say whether the last line of a CSV is cut short, as where it is still being written.

    It has no end of line and fewer fields than there are columns: what is there of its last field
    may be half of a value.
    """
    if path.suffix.lower() not in _TEXT:
        return False
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read()
    line = tail.rpartition(b"\n")[2]
    if not line.strip() or b"\0" in line:
        return False
    text = line.decode("utf-8", errors="replace")
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        delimiter = find_delimiter(lines.read(_TAIL))
    return len(next(csv.reader([text], delimiter=delimiter))) < len(columns)


def _last(path: Path) -> Path:
    return max(path.glob("[!._]*")) if path.is_dir() else path


def _changed(path: Path) -> DataError:
    return DataError(
        f"{path} changed while it was read", hint="run the check again, or give it a copy"
    )
