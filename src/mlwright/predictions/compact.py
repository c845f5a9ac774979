"""Segments of the prediction log that nobody writes any more, as Parquet; old ones removed."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mlwright.core import clock

from . import reader
from .parse import Parser, joined

_QUIET = 3600.0  # a writer begins a new segment each hour: this one has an hour's peace already


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many segments became Parquet, and how many were removed as too old."""

    compacted: int
    removed: int


def compact(
    folder: Path, *, keep_days: float | None = None, counted: Collection[str] = ()
) -> Compaction:
    """Rewrite ended segments as Parquet, a fraction of the size; remove those older than asked.

    Removed are only segments that are `counted` (stems of their names).

    The Parquet file stands complete under its name before the lines go, and readers take it where
    both are there, so that a kill at any line loses and doubles nothing.
    """
    now = clock.now()
    compacted = removed = 0
    for path in reader.segments(folder, reader.STEM):
        written = path.stat().st_mtime
        old = keep_days is not None and written < now - keep_days * 86_400
        if old and path.stem in counted:
            path.unlink()
            path.with_suffix(".jsonl").unlink(missing_ok=True)
            removed += 1
        elif path.suffix == ".parquet":
            path.with_suffix(".jsonl").unlink(missing_ok=True)
        elif written < now - 2 * _QUIET:
            _rewrite(path, written)
            compacted += 1
    return Compaction(compacted, removed)


def _rewrite(path: Path, written: float) -> None:
    parser, tables, skipped = Parser(), [], 0
    for piece in reader.lines_of(path):
        table, bad = parser.parse(piece)
        tables.append(table)
        skipped += bad
    target = path.with_suffix(".parquet")
    unfinished = target.with_suffix(".part")
    joined(tables).write_parquet(unfinished, metadata={"skipped": str(skipped)})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    os.utime(unfinished, (written, written))
    unfinished.rename(target)
    path.unlink()
