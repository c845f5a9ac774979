"""Reads the prediction log back as a table, in pieces, skipping and counting damaged lines."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import polars as pl

from .parse import COLUMNS, PREFIX, Parser, joined

__all__ = [
    "COLUMNS",
    "PREFIX",
    "STEM",
    "Window",
    "delivered",
    "lines_of",
    "pieces",
    "read",
    "segments",
    "tables",
]

STEM = "predictions"
PIECE = 16 * 1024 * 1024
_READERS = 2  # each holds a piece and its table: more cost memory, and the disk is one

Part = tuple[pl.DataFrame, int]


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


def read(
    folder: Path,
    *,
    since: float | None = None,
    until: float | None = None,
    requests: pl.Series | None = None,
    without: Collection[str] = (),
) -> Window:
    """Read the predictions with since <= time < until, in seconds since 1970.

    A folder that is not there, or holds no predictions, is an empty window.

    Args:
        folder: of the log.
        since: where the window begins.
        until: where it ends, not included.
        requests: the ids of the only requests that are wanted.
        without: segments (stems of their names) that are not wanted.
    """
    skipped = 0
    found: list[pl.DataFrame] = []
    if requests is not None and not len(requests):
        return Window(pl.DataFrame(schema=COLUMNS), 0, since, until)
    for table, bad in tables(folder, since=since, requests=requests, without=without):
        skipped += bad
        found.append(_between(table, since, until))
    return Window(delivered(joined(found)), skipped, since, until)


def read_segment(path: Path) -> Window:
    """Read one segment alone, by the path that `segments` gave."""
    parser = Parser()
    parts = [
        _compacted(part, None) if isinstance(part, Path) else parser.parse(part)
        for part in _parts(path)
    ]
    table = delivered(joined([table for table, _ in parts]))
    return Window(table, sum(bad for _, bad in parts), None, None)


def tables(
    folder: Path,
    *,
    since: float | None = None,
    requests: pl.Series | None = None,
    without: Collection[str] = (),
) -> Iterator[Part]:
    """Give the log in tables of some 16 MB of lines each, with the lines that were damaged.

    A segment last written before `since` holds nothing of interest and is not opened.
    """
    waiting: deque[Future[Part]] = deque()
    parsers = [Parser() for _ in range(_READERS)]
    with ThreadPoolExecutor(_READERS) as pool:
        wanted = segments(folder, STEM, since=since)
        for path in (path for path in wanted if path.stem not in without):
            for part in _parts(path):
                if isinstance(part, Path):
                    waiting.append(pool.submit(_compacted, part, requests))
                else:  # a parser remembers, so they take turns: its last piece has been given
                    waiting.append(pool.submit(_parsed, parsers[0], part, requests))
                    parsers.append(parsers.pop(0))
                if len(waiting) >= _READERS:
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def segments(folder: Path, stem: str, *, since: float | None = None) -> list[Path]:
    """Return the files of a kind in the order of their beginning, each segment once.

    A segment that was compacted stands there twice until its lines are removed.
    """
    found = {path.stem: path for path in folder.glob(f"{stem}-*.jsonl")}
    found |= {path.stem: path for path in folder.glob(f"{stem}-*.parquet")}
    return [path for _, path in sorted(found.items()) if since is None or _touched(path, since)]


def pieces(folder: Path, stem: str, *, since: float | None = None) -> Iterator[bytes]:
    """Give the lines of all files of a kind in pieces of whole lines, about 16 MB each."""
    for path in segments(folder, stem, since=since):
        if path.suffix == ".jsonl":
            yield from lines_of(path)


def _parts(path: Path) -> Iterator[bytes | Path]:
    """Give a file's pieces, or its Parquet where it was compacted since it was listed."""
    if path.suffix != ".parquet":
        try:
            file = path.open("rb")
        except FileNotFoundError:
            path = path.with_suffix(".parquet")
        else:
            yield from _lines(file)
            return
    if path.exists():
        yield path


def lines_of(path: Path) -> Iterator[bytes]:
    """Give a file's lines in pieces; nothing when it was compacted or removed meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        yield from _lines(path.open("rb"))


def _lines(file: BufferedReader) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece + (b"" if piece.endswith(b"\n") else file.readline())


def _touched(path: Path, since: float) -> bool:
    try:
        return path.stat().st_mtime >= since - 1
    except FileNotFoundError:
        return False


def _parsed(parser: Parser, piece: bytes, requests: pl.Series | None) -> Part:
    table, skipped = parser.parse(piece)
    return table if requests is None else table.filter(_among(requests)), skipped


def _compacted(path: Path, requests: pl.Series | None) -> Part:
    skipped = pl.read_parquet_metadata(path).get("skipped", "0")
    if requests is None:
        return pl.read_parquet(path), int(skipped)
    return pl.scan_parquet(path).filter(_among(requests)).collect(), int(skipped)


def _among(requests: pl.Series) -> pl.Expr:
    return pl.col("request_id").is_in(requests.implode())


def _between(table: pl.DataFrame, since: float | None, until: float | None) -> pl.DataFrame:
    if since is not None:
        table = table.filter(pl.col("time") >= since)
    if until is not None:
        table = table.filter(pl.col("time") < until)
    return table


def delivered(table: pl.DataFrame) -> pl.DataFrame:
    """Leave out tests, and what a candidate answered too late: the champion had done so."""
    table = table.filter(pl.col("route").ne_missing("test"))
    answered = table.filter(pl.col("route") == "fallback")["request_id"]
    if answered.is_empty():
        return table
    late = (pl.col("route") == "candidate") & pl.col("request_id").is_in(answered.implode())
    return table.filter(~late)
