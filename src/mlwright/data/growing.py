"""Write a table piece by piece into a folder, so that a writing that was killed can go on."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import polars as pl

from mlwright.core.errors import DataError
from mlwright.core.files import sync_folder

_GROUP = 1 << 18
_ENDINGS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")


class Growing(Protocol):
    """A table that grows by pieces of the same columns."""

    def add(self, table: pl.DataFrame) -> None:
        """Write some rows behind those that are there."""
        ...

    def state(self) -> dict[str, int]:
        """Return what is written, after making sure that it survives this process."""
        ...

    def finish(self, path: Path) -> None:
        """Put the whole table in its place."""
        ...

    def close(self) -> None:
        """Let go of what is open; what was written stays."""
        ...


def ending_of(path: Path) -> str:
    """Return the ending that says how a table is written.

    Raises:
        DataError: no table is written with that ending, or there is no such folder.

    >>> ending_of(Path("/tmp/scored.csv.gz"))
    '.csv.gz'
    """
    found = next((end for end in _ENDINGS if path.name.lower().endswith(end)), None)
    if found is None:
        raise DataError(
            f"{path}: cannot write a table that ends in {path.suffix or 'nothing'}",
            hint=f"end the name in {', '.join(_ENDINGS)}",
        )
    if not path.parent.is_dir():
        raise DataError(f"{path.parent} is not a folder", hint="make it, or name another one")
    return found


def growing(ending: str, path: Path, state: Mapping[str, int]) -> Growing:
    """Return a table that grows at a path, from a former `state` on, or from nothing."""
    if ending == ".parquet":
        path.mkdir(exist_ok=True)
        return _Parquet(path, state)
    file = path.open("ab")
    file.truncate(state.get("bytes", 0))
    return _Text(file, ending, begun=bool(state.get("bytes")), path=path)


def to_standard_output(ending: str) -> Growing:
    """Return a table that leaves by standard output as it grows."""
    return _Text(sys.stdout.buffer, ending, begun=False, path=None)


class _Text:
    def __init__(self, file: IO[bytes], ending: str, *, begun: bool, path: Path | None) -> None:
        self._file = file
        self._packed = ending.endswith(".gz")
        self._write = _WRITERS[ending.removesuffix(".gz")]
        self._begun = begun
        self._path = path

    def add(self, table: pl.DataFrame) -> None:
        data = self._write(table, not self._begun).encode()
        self._begun = True
        # A gzip file may consist of several: each piece is one, so that a piece can be cut off.
        self._file.write(gzip.compress(data, compresslevel=6, mtime=0) if self._packed else data)
        if self._path is None:
            self._file.flush()

    def state(self) -> dict[str, int]:
        self._file.flush()
        if self._path is None:
            return {}
        os.fsync(self._file.fileno())
        return {"bytes": self._file.tell()}

    def finish(self, path: Path) -> None:
        if self._path is not None:
            self.state()
            self._path.replace(path)
            sync_folder(path.parent)

    def close(self) -> None:
        if self._path is not None:
            self._file.close()


def _csv(table: pl.DataFrame, header: bool) -> str:
    return table.write_csv(include_header=header)


def _json_lines(table: pl.DataFrame, header: bool) -> str:  # noqa: ARG001
    return table.write_ndjson()


_WRITERS: dict[str, Callable[[pl.DataFrame, bool], str]] = {".csv": _csv, ".jsonl": _json_lines}


class _Parquet:
    """Pieces in files of their own, put together at the end, for Parquet cannot be appended to."""

    def __init__(self, folder: Path, state: Mapping[str, Any]) -> None:
        self._folder = folder
        self._pieces = self._synced = state.get("pieces", 0)

    def add(self, table: pl.DataFrame) -> None:
        table.write_parquet(self._path(self._pieces), compression="lz4", statistics=False)
        self._pieces += 1

    def state(self) -> dict[str, int]:
        for number in range(self._synced, self._pieces):
            _sync(self._path(number))
        self._synced = self._pieces
        return {"pieces": self._pieces}

    def finish(self, path: Path) -> None:
        whole = self._folder / "whole"
        paths = [self._path(number) for number in range(self._pieces)]
        pl.scan_parquet(paths).sink_parquet(whole, row_group_size=_GROUP, maintain_order=True)
        _sync(whole)
        whole.replace(path)
        sync_folder(path.parent)

    def close(self) -> None:
        pass

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.parquet"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
