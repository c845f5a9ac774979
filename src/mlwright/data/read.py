"""Read a table: CSV, Parquet or JSON lines; a file, a folder of files, or an address."""

from __future__ import annotations

import codecs
import contextlib
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError
from mlwright.data.delimited import read_delimited, repeated_columns
from mlwright.data.encoding import as_utf8, open_bytes
from mlwright.data.memory import check_fits
from mlwright.data.remote import shown
from mlwright.data.sources import File, Format, opened

Say = Callable[[str], None]


def read(where: Path | str, *, say: Say = lambda _: None) -> pl.DataFrame:
    """Read a table; the suffix says the format, the text of a CSV its delimiter and encoding.

    Suffixes: .csv, .tsv, .txt, .parquet, .pq, .jsonl, .ndjson, each but Parquet also with .gz.
    The files of a folder are read in the order of their names, and must have the same columns.

    Args:
        where: a file, a folder, or an address (`http://`, `https://`, `s3://`: extra `remote`).
        say: takes a line for each thing that was assumed.

    Raises:
        NotFound: there is no such file.
        DataError: it holds no rows, repeats a column name, cannot be read in its format, will not
            fit in memory, or its files do not agree.
        MissingExtra: an address needs a package that is not installed.
        RemoteError: an address cannot be read.
    """
    name = shown(str(where))
    with opened(where, say=say) as files:
        check_fits([file.path for file in files], name=name)
        tables = [_read(file, say) for file in files]
        table = tables[0] if len(tables) == 1 else _joined(files, tables)
    if table.height == 0:
        raise DataError(f"{name} has column names but no rows", hint="give a file with rows")
    return table


def _read(file: File, say: Say, *, as_text: Collection[str] = ()) -> pl.DataFrame:
    with reading(file):
        if file.format == "CSV":
            return read_delimited(file.path, name=file.name, say=say, as_text=as_text)
        return _READERS[file.format](file, say)


@contextlib.contextmanager
def reading(file: File) -> Iterator[None]:
    """Say of what goes wrong in reading a file which one it is, and what to look at.

    Raises:
        DataError: it is empty, repeats a column name, or cannot be read in its format.
    """
    if file.path.stat().st_size == 0:
        raise DataError(f"{file.name} is empty", hint="give a file with a header line and rows")
    try:
        yield
    except pl.exceptions.DuplicateError as exc:
        raise repeated_columns(file.name) from exc
    except (pl.exceptions.PolarsError, OSError, UnicodeError, EOFError, zlib.error) as exc:
        # The reader's own message may quote values of rows, so it stays in the cause.
        raise DataError(
            f"{file.name} cannot be read as {file.format}", hint=_HINTS[file.format]
        ) from exc


def _read_json_lines(file: File, say: Say) -> pl.DataFrame:
    content = as_utf8(file.path, name=file.name, say=say)
    if content is None:
        with open_bytes(file.path) as opened_file:
            content = opened_file.read().removeprefix(codecs.BOM_UTF8)
    return pl.read_ndjson(content, infer_schema_length=None)


def _read_parquet(file: File, say: Say) -> pl.DataFrame:  # noqa: ARG001
    return pl.read_parquet(file.path)


_READERS: dict[Format, Callable[[File, Say], pl.DataFrame]] = {
    "JSON lines": _read_json_lines,
    "Parquet": _read_parquet,
}
_HINTS: dict[Format, str] = {
    "CSV": "check that it is text and that every line has as many fields as the header",
    "Parquet": "check that the file was written to its end",
    "JSON lines": "check that every line is one JSON object",
}


def _joined(files: Sequence[File], tables: list[pl.DataFrame]) -> pl.DataFrame:
    """Put the tables of a folder under one another."""
    for file, table in zip(files, tables, strict=True):
        check_columns(files[0], tables[0].columns, file, table.columns)
    unlike = _unlike(tables)
    if unlike and files[0].format == "CSV":
        tables = [_read(file, lambda _: None, as_text=unlike) for file in files]
    elif unlike:
        raise DataError(
            f"the files from {files[0].name} on hold different types in {', '.join(unlike)}",
            hint="write these columns as one type in all files",
        )
    names = tables[0].columns
    return pl.concat([_typeless(table.select(names)) for table in tables], how="vertical_relaxed")


def check_columns(first: File, wanted: Sequence[str], file: File, found: Sequence[str]) -> None:
    """Refuse a file of a folder that has other columns than the first one.

    Raises:
        DataError: with the names that differ.
    """
    problems = [f"has no {name!r}" for name in wanted if name not in found]
    problems += [f"has {name!r} besides" for name in found if name not in wanted]
    if problems:
        raise DataError(
            f"{file.name} has other columns than {first.name}: it {', '.join(problems)}",
            hint="give a folder whose files have the same columns",
        )


def _unlike(tables: Sequence[pl.DataFrame]) -> list[str]:
    """Return the columns that are neither of one type nor all numbers."""
    unlike = []
    for name in tables[0].columns:
        types = {table[name].dtype for table in tables if table[name].count()}
        if len(types) > 1 and not all(kind.is_numeric() for kind in types):
            unlike.append(name)
    return unlike


def _typeless(table: pl.DataFrame) -> pl.DataFrame:
    """Take the type off columns without values, which then agree with any."""
    empty = [name for name in table.columns if not table[name].count()]
    return table.with_columns(pl.lit(None).alias(name) for name in empty)
