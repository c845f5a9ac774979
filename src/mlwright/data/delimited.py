"""Read CSV as it is found: delimiter, encoding, decimal commas and stray quotes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError
from mlwright.data.encoding import as_utf8, open_bytes

Say = Callable[[str], None]

_DELIMITERS = "\t|;,"
_SAMPLE = 1 << 16
_PIECE = 1 << 20
_LONGEST_RECORD = 1000
_AGREEING = 0.9
_DECIMAL_COMMA = re.compile(r"(?:^|;)\s*-?\d+,\d+\s*(?=;|$)", re.MULTILINE)
_DECIMAL_POINT = re.compile(r"(?:^|;)\s*-?\d+\.\d+\s*(?=;|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Form:
    """How one file writes its table, and what is to stay text."""

    name: str
    delimiter: str
    header: tuple[str, ...]
    decimal_comma: bool
    as_text: Collection[str]
    skipped: int = 0  # lines of the file that stand before this part of it


def read_delimited(
    path: Path, *, name: str, say: Say, as_text: Collection[str] = ()
) -> pl.DataFrame:
    """Read a table of text lines whose first line names the columns.

    Columns without a name become `column_3` and the like. Quotes that do not pair up are taken as
    plain characters, line by line; `say` is told of that, and of the encoding where it is not
    UTF-8.

    Args:
        path: the file, plain or gzipped.
        name: what messages call it.
        say: takes a line for each thing that was assumed.
        as_text: columns that stay text whatever they hold.

    Raises:
        DataError: it is not text, repeats a column name, or a line has more fields than the
            header.
    """
    content = as_utf8(path, name=name, say=say)
    with open_bytes(path) if content is None else io.BytesIO(content) as file:
        head = file.read(_SAMPLE)
        quoted = b'"' in head or any(
            b'"' in piece for piece in iter(lambda: file.read(_PIECE), b"")
        )
    sample = head.decode("utf-8-sig", errors="ignore")
    form = find_form(sample, name=name, as_text=as_text)
    source = path if content is None else content
    if not quoted:
        return _unquoted(source, form)
    lines = list(io.StringIO(_text(source), newline=""))
    return _quoted(source, lines, form, say)


def parse(content: bytes, form: Form, *, say: Say) -> pl.DataFrame:
    """Read a part of a file, in UTF-8 and with the header line before it, as the whole is read.

    Raises:
        DataError: a line has more fields than the header.
    """
    if b'"' not in content:
        return _unquoted(content, form)
    return _quoted(content, list(io.StringIO(content.decode(), newline="")), form, say)


def find_delimiter(sample: str) -> str:
    r"""Return the delimiter by which most lines have as many fields as the first.

    >>> find_delimiter("price, net;amount\n1,5;3\n"), find_delimiter("one\n1\n")
    (';', ',')
    """
    lines = list(io.StringIO(sample, newline=""))
    whole = lines[:-1] if len(lines) > 2 and len(sample) > _SAMPLE // 2 else lines
    scores: dict[str, tuple[bool, int, float]] = {}
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(whole, delimiter=delimiter) if row]
        if widths and widths[0] > 1:
            agreeing = widths.count(widths[0]) / len(widths)
            scores[delimiter] = (agreeing >= _AGREEING, widths[0], agreeing)
    return max(scores, key=lambda delimiter: scores[delimiter], default=",")


def find_form(sample: str, *, name: str, as_text: Collection[str] = ()) -> Form:
    """Return the form of a table, found in the beginning of its text.

    Raises:
        DataError: a column name is repeated.
    """
    delimiter = find_delimiter(sample)
    names = next(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), [])
    header = tuple(text or f"column_{place}" for place, text in enumerate(names, start=1))
    repeated = sorted({text for text in header if header.count(text) > 1})
    if repeated:
        raise repeated_columns(name, repeated)
    comma = (
        delimiter == ";"
        and _DECIMAL_COMMA.search(sample) is not None
        and _DECIMAL_POINT.search(sample) is None
    )
    return Form(name, delimiter, header, comma, as_text)


def repeated_columns(name: str, repeated: Sequence[str] = ()) -> DataError:
    """Return the error for columns of one name, which are listed where they are known."""
    which = f"named {', '.join(map(repr, repeated))}" if repeated else "of the same name"
    return DataError(
        f"{name} has more than one column {which}", hint="give every column a name of its own"
    )


def _parsed(source: Path | bytes, form: Form) -> pl.DataFrame:
    table = pl.read_csv(
        source,
        separator=form.delimiter,
        infer_schema_length=None,
        decimal_comma=form.decimal_comma,
        schema_overrides={name: pl.String for name in form.header if name in form.as_text},
    )
    table.columns = list(form.header)
    return table


def _unquoted(source: Path | bytes, form: Form) -> pl.DataFrame:
    try:
        return _parsed(source, form)
    except pl.exceptions.PolarsError:
        for place, line in enumerate(io.StringIO(_text(source), newline=""), start=1):
            _check_width(line.split(form.delimiter), form.skipped + place, form)
        raise


def _quoted(source: Path | bytes, lines: Sequence[str], form: Form, say: Say) -> pl.DataFrame:
    """Let polars read the file where it and the csv module agree on the rows, else mend it."""
    records = _well_quoted(lines, form)
    if records is not None:
        try:
            table = _parsed(source, form)
        except pl.exceptions.PolarsError:
            pass
        else:
            if table.height == records - 1:
                return table
    return _parsed(_mended(lines, form, say), form)


def _well_quoted(lines: Sequence[str], form: Form) -> int | None:
    """Count the records, or return None where quotes do not pair up or a record is too wide."""
    records = 0
    try:
        for row in csv.reader(lines, delimiter=form.delimiter, strict=True):
            if len(row) > len(form.header):
                return None
            records += bool(row)
    except csv.Error:
        return None
    return records


def _mended(lines: Sequence[str], form: Form, say: Say) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form.delimiter, lineterminator="\n")
    stray = 0
    for fields, plain in _records(lines, form):
        stray += plain
        writer.writerow(fields)
    if stray:
        what = "1 line" if stray == 1 else f"{stray:,} lines"
        say(f"{form.name} has unbalanced quotes in {what}: read as plain characters")
    return out.getvalue().encode()


def _records(lines: Sequence[str], form: Form) -> Iterator[tuple[list[str], bool]]:
    """Yield each record's fields, and whether its quotes were taken as plain characters."""
    place = 0
    while place < len(lines):
        line = lines[place]
        fields, used = _quoted_record(lines, place, form) if '"' in line else (None, 1)
        if fields is not None:
            yield fields, False
        elif line.strip("\r\n"):
            plain = line.rstrip("\r\n").split(form.delimiter)
            _check_width(plain, form.skipped + place + 1, form)
            yield plain, '"' in line
        place += used


def _quoted_record(lines: Sequence[str], place: int, form: Form) -> tuple[list[str] | None, int]:
    """Read the record that begins in this line, or return None where its quotes do not fit."""
    end = min(place + _LONGEST_RECORD, len(lines))
    reader = csv.reader(
        (lines[i] for i in range(place, end)), delimiter=form.delimiter, strict=True
    )
    try:
        fields = next(reader)
    except csv.Error:
        return None, 1
    return (fields, reader.line_num) if len(fields) == len(form.header) else (None, 1)


def _check_width(fields: Sequence[str], place: int, form: Form) -> None:
    if len(fields) > len(form.header):
        raise DataError(
            f"{form.name}: line {place:,} has {len(fields):,} fields, the header has "
            f"{len(form.header):,}",
            hint="mend that line, or put quotes around the field that holds the delimiter",
        )


def _text(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return source.decode()
    with open_bytes(source) as file:
        return file.read().decode("utf-8-sig")
