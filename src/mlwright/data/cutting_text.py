"""Cut text after whole records: delimited text and JSON lines."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import IO

import polars as pl

from mlwright.data.cutting import Cut, Place, Reader, is_whole, merged
from mlwright.data.delimited import find_form, parse
from mlwright.data.encoding import as_utf8, open_bytes
from mlwright.data.sources import File

Say = Callable[[str], None]

BLOCK = 8 << 20
_LONGEST_RECORD = 1000
_SAMPLE = 1 << 16


def delimited(file: File, say: Say) -> Reader:
    """Return what cuts a delimited text after whole records."""
    return _Delimited(file, say)


def json_lines(file: File, say: Say) -> Reader:
    """Return what cuts JSON lines after whole lines."""
    return _JsonLines(file, say)


class _Text:
    """The bytes of a text file in UTF-8; text in other encodings is held in memory."""

    def __init__(self, file: File, say: Say) -> None:
        self._file = file
        self._content = as_utf8(file.path, name=file.name, say=say)

    def open(self) -> IO[bytes]:
        return open_bytes(self._file.path) if self._content is None else io.BytesIO(self._content)

    def blocks(
        self, offset: int, cut: Callable[[bytes], int]
    ) -> Iterator[tuple[bytes, int, float]]:
        """Yield whole records, the offset behind them, and the share of the file until there."""
        size = len(self._content) if self._content else self._file.path.stat().st_size
        with self.open() as file:
            file.seek(offset)
            data, more = b"", True
            while more:
                wanted = BLOCK - len(data) if len(data) < BLOCK else len(data)
                read = file.read(wanted)
                more = len(read) == wanted
                data += read
                end = cut(data) if more else len(data)
                if end:
                    offset += end
                    raw = getattr(file, "fileobj", None) or file  # gzip: its packed bytes
                    yield data[:end], offset, min(raw.tell() / size, 1.0)
                    data = data[end:]


class _Delimited:
    def __init__(self, file: File, say: Say) -> None:
        self._text = _Text(file, say)
        self._say = _once(say)
        with self._text.open() as opened:
            head = opened.read(_SAMPLE)
        mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        sample = head[mark:].decode(errors="ignore")
        self._form = find_form(sample, name=file.name)
        self._header, lines = _first_record(sample, self._form.delimiter)
        self._start = Place(offset=mark + len(self._header.encode()), lines=lines)
        self._whole: dict[str, bool] = {}

    @property
    def columns(self) -> Sequence[str]:
        return self._form.header

    def types(self, names: Collection[str]) -> dict[str, pl.DataType]:
        as_text = set(self.columns).difference(names)
        found: dict[str, list[pl.DataType]] = {name: [] for name in names}
        self._whole = dict.fromkeys(names, True)
        for cut in self._cuts(self._start, as_text):
            for name in names:
                found[name].append(cut.table[name].dtype)
                self._whole[name] &= is_whole(cut.table[name])
        return {name: merged(kinds) for name, kinds in found.items()}

    def whole(self, name: str) -> bool:
        return self._whole[name]

    def read(self, place: Place) -> Iterator[Cut]:
        start = place if place.offset else replace(self._start, file=place.file, rows=place.rows)
        return self._cuts(start, self.columns)

    def convert(self, series: pl.Series, to: pl.DataType) -> pl.Series:
        if to == pl.String or to == pl.Null:
            return series
        if to == pl.Boolean:
            return series.str.to_lowercase() == "true"
        number = self.numbers(series).cast(pl.Float64, strict=False)
        if not to.is_integer():
            return number
        return series.cast(to, strict=False).fill_null(number.cast(to))

    def numbers(self, series: pl.Series) -> pl.Series:
        comma = self._form.decimal_comma
        return series.str.replace_all(",", ".", literal=True) if comma else series

    def _cuts(self, place: Place, as_text: Collection[str]) -> Iterator[Cut]:
        header_lines = self._start.lines
        for block, offset, share in self._text.blocks(place.offset, _after_record):
            form = replace(self._form, as_text=as_text, skipped=place.lines - header_lines)
            table = parse(self._header.encode() + block, form, say=self._say)
            lines, rows = place.lines + block.count(b"\n"), place.rows + table.height
            place = replace(place, offset=offset, lines=lines, rows=rows)
            yield Cut(table, place, share)


class _JsonLines:
    def __init__(self, file: File, say: Say) -> None:
        self._text = _Text(file, say)
        with self._text.open() as opened:
            marked = opened.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        self._offset = len(codecs.BOM_UTF8) if marked else 0

    @property
    def columns(self) -> Sequence[str]:
        return tuple(self._types)

    def types(self, names: Collection[str]) -> dict[str, pl.DataType]:
        return {name: self._types[name] for name in names}

    def whole(self, name: str) -> bool:
        return self._found[1][name]

    def read(self, place: Place) -> Iterator[Cut]:
        for cut in self._cuts(place):
            missing = [name for name in self._types if name not in cut.table.columns]
            blank = (pl.lit(None, self._types[name]).alias(name) for name in missing)
            yield replace(cut, table=cut.table.with_columns(blank))

    def convert(self, series: pl.Series, to: pl.DataType) -> pl.Series:
        return series if to == series.dtype else series.cast(to)

    def numbers(self, series: pl.Series) -> pl.Series:
        return series

    def _cuts(self, place: Place) -> Iterator[Cut]:
        for block, offset, share in self._text.blocks(place.offset or self._offset, _after_line):
            table = pl.read_ndjson(block, infer_schema_length=None)
            place = replace(place, offset=offset, rows=place.rows + table.height)
            yield Cut(table, place, share)

    @property
    def _types(self) -> Mapping[str, pl.DataType]:
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[dict[str, pl.DataType], dict[str, bool]]:
        """Look through the file for the types of its columns, and for whole numbers."""
        found: dict[str, list[pl.DataType]] = {}
        whole: dict[str, bool] = {}
        for cut in self._cuts(Place()):
            for series in cut.table:
                found.setdefault(series.name, []).append(series.dtype)
                whole[series.name] = whole.get(series.name, True) and is_whole(series)
        return {name: merged(kinds) for name, kinds in found.items()}, whole


def _after_record(data: bytes) -> int:
    """Return where the last whole record of a text ends, or 0.

    A line break between quotes ends no record. Where no break is outside quotes for a thousand
    lines, a quote stands for itself.
    """
    end = last = data.rfind(b"\n") + 1
    if b'"' not in data:
        return last
    within = data.count(b'"', 0, end) % 2
    for _ in range(_LONGEST_RECORD):
        if not end or not within:
            return end
        before = data.rfind(b"\n", 0, end - 1) + 1
        within = (within + data.count(b'"', before, end)) % 2
        end = before
    return last


def _after_line(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def _first_record(sample: str, delimiter: str) -> tuple[str, int]:
    """Return the text of the header with its line break, and how many lines it takes."""
    lines = sample.splitlines(keepends=True)
    rows = csv.reader(lines, delimiter=delimiter)
    next(rows, None)
    header = "".join(lines[: rows.line_num])
    return (header if header.endswith("\n") else header + "\n"), rows.line_num


def _once(say: Say) -> Say:
    """Return a `say` that takes one line and lets the others go."""
    lines = itertools.count()
    return lambda line: say(line) if next(lines) == 0 else None
