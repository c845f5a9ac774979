"""Write a table as CSV, Parquet or JSON lines, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError

_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": pl.DataFrame.write_parquet,
}


def check_target(path: Path) -> None:
    """Refuse a path that could not be written, before any work is done for it.

    Raises:
        DataError: the ending is unknown, or the folder is not there.
    """
    if path.suffix.lower() not in _WRITERS:
        raise DataError(
            f"{path}: cannot write a table that ends in {path.suffix or 'nothing'}",
            hint=f"end the name in {', '.join(_WRITERS)}",
        )
    if not path.parent.is_dir():
        raise DataError(f"{path.parent} is not a folder", hint="make it, or name another one")


def write(table: pl.DataFrame, path: Path) -> None:
    """Write the table in the format that the ending names.

    Raises:
        DataError: the ending is unknown, or the file cannot be written.
    """
    check_target(path)
    partial = path.with_name(f".{path.name}.part")
    try:
        _WRITERS[path.suffix.lower()](table, partial)
        partial.replace(path)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {exc.strerror or exc}") from exc
