"""Read a table from a file: CSV, Parquet or JSON lines, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import polars as pl

from mlwright.core.errors import DataError, NotFound, did_you_mean

_DELIMITERS = ",;\t|"
_HEADER_BYTES = 1 << 20


def read(path: Path) -> pl.DataFrame:
    """Read a table; the suffix says the format, the header of a CSV its delimiter.

    Suffixes: .csv, .tsv, .txt, .parquet, .pq, .jsonl, .ndjson, each but Parquet also with .gz.

    Raises:
        NotFound: there is no such file.
        DataError: it holds no rows, repeats a column name, or cannot be read in its format.
    """
    reader = _reader(path)
    if not path.is_file():
        raise _missing(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty", hint="give a file with a header line and rows")
    try:
        table = reader(path)
    except DataError:
        raise
    except (pl.exceptions.PolarsError, OSError, UnicodeError, EOFError) as exc:
        # The reader's own message may quote values of rows, so it stays in the cause.
        raise DataError(
            f"{path} cannot be read as {_FORMATS[reader]}", hint=_HINTS[reader]
        ) from exc
    if table.height == 0:
        raise DataError(f"{path} has column names but no rows", hint="give a file with rows")
    return table


def _reader(path: Path) -> Callable[[Path], pl.DataFrame]:
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in _READERS:
        raise DataError(
            f"{path}: tables with the suffix {suffix!r} are not read",
            hint=f"give one of {', '.join(sorted(_READERS))}",
        )
    return _READERS[suffix]


def _missing(path: Path) -> NotFound:
    beside = sorted(file.name for file in path.parent.glob("*") if file.is_file())
    return NotFound(
        f"there is no file {path}{did_you_mean(path.name, beside)}",
        hint="check the path given as the table",
    )


def _read_csv(path: Path) -> pl.DataFrame:
    with _open(path) as file:
        header = file.readline(_HEADER_BYTES).decode("utf-8-sig")
    delimiter = _delimiter(header)
    _check_header(path, next(csv.reader([header], delimiter=delimiter), []))
    return pl.read_csv(path, separator=delimiter, infer_schema_length=None)


def _read_json_lines(path: Path) -> pl.DataFrame:
    with _open(path) as file:
        return pl.read_ndjson(file.read(), infer_schema_length=None)


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _delimiter(header: str) -> str:
    """Return the delimiter that stands most often in the header, outside quotes."""
    unquoted = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=unquoted.count)


def _check_header(path: Path, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path} has more than one column named {', '.join(map(repr, repeated))}",
            hint="give every column a name of its own",
        )


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
}
_FORMATS: dict[Callable[[Path], pl.DataFrame], str] = {
    _read_csv: "CSV",
    _read_parquet: "Parquet",
    _read_json_lines: "JSON lines",
}
_HINTS: dict[Callable[[Path], pl.DataFrame], str] = {
    _read_csv: "check that it is UTF-8 text and that every line has as many fields as the header",
    _read_parquet: "check that the file was written to its end",
    _read_json_lines: "check that every line is one JSON object",
}
