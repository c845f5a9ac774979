"""Rows whose truth is known, kept by themselves: they outlive the log, and are read without it.

`keep` copies them from the log as their labels are told. What was told since is joined while it
is read, so that `read` is right at any time and only faster after `keep`.
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from mlwright.core import clock

from . import reader
from .labels import labelled, read_labels
from .parse import joined

STEM = "labelled"
_MOST_FILES = 50


def keep(folder: Path) -> int:
    """Copy the rows whose labels were told since the last call; return how many.

    A file stands complete under its name or not at all, and of two copies of a row the newer
    counts, so that a kill at any line loses and doubles nothing.
    """
    kept = _kept(folder)
    fresh = _fresh(folder, kept)
    if fresh.height:
        _write(folder, fresh)
    files = _files(folder)
    if len(files) > _MOST_FILES:
        _write(folder, _newest([kept, fresh]))
        for path in files:
            path.unlink()
    return fresh.height


def read(folder: Path, *, since: float | None = None, until: float | None = None) -> pl.DataFrame:
    """Return the labelled rows with since <= time < until, by time.

    The columns are those of the log and `label` (text), `told` (when). Of several labels of a
    request the newest counts.
    """
    kept = _kept(folder)
    rows = _newest([kept, _fresh(folder, kept)])
    low = pl.lit(True) if since is None else pl.col("time") >= since
    high = pl.lit(True) if until is None else pl.col("time") < until
    return rows.filter(low & high)


def forget(folder: Path, *, before: float) -> None:
    """Remove the copies of rows older than a moment, and the labels told before it."""
    kept, files = _kept(folder), _files(folder)
    if kept.height and kept["time"][0] < before:
        younger = kept.filter(pl.col("time") >= before)
        if younger.height:
            _write(folder, younger)
        for path in files:
            path.unlink()
    for path in reader.segments(folder, "labels"):
        if path.stat().st_mtime < before:
            path.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{STEM}-*.parquet"))


def _kept(folder: Path) -> pl.DataFrame:
    return _newest([pl.read_parquet(path) for path in _files(folder)])


def _fresh(folder: Path, kept: pl.DataFrame) -> pl.DataFrame:
    labels = read_labels(folder)
    new = labels.join(kept.select("request_id", time="told"), on=["request_id", "time"], how="anti")
    if not new.height:
        return kept.clear()
    log = reader.read(folder, requests=new["request_id"])
    return labelled(log, new).unique("request_id", keep="first", maintain_order=True)


def _newest(tables: list[pl.DataFrame]) -> pl.DataFrame:
    filled = [table for table in tables if table.height]
    if not filled:
        schema = {**reader.COLUMNS, "label": pl.String(), "told": pl.Float64()}
        return pl.DataFrame(schema=schema)
    by_label = joined(filled).sort("told", maintain_order=True)
    return by_label.unique("request_id", keep="last", maintain_order=True).sort("time")


def _write(folder: Path, rows: pl.DataFrame) -> None:
    target = folder / f"{STEM}-{clock.now():.6f}-{os.getpid()}.parquet"
    unfinished = target.with_suffix(".part")
    rows.write_parquet(unfinished)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
