"""True labels, told after the prediction by request id."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlwright.core import clock
from mlwright.core.errors import DataError
from mlwright.core.signature import Label

from . import reader
from .lines import Truth, line
from .segment import Segment

STEM = "labels"
_COLUMNS = {"request_id": pl.String(), "label": pl.String(), "time": pl.Float64()}
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Added:
    """How many labels were kept, and how many named a request that the log does not know."""

    added: int
    unknown: int


def add(folder: Path, pairs: Iterable[tuple[str, Label]]) -> Added:
    """Keep the true label of each request id that the prediction log knows.

    Raises:
        DataError: a label is no number, text or boolean.
    """
    given = list(pairs)
    for position, (_, label) in enumerate(given):
        if not _usable(label):
            raise DataError(
                f"label {position + 1} is empty or no number, text or boolean",
                hint="leave out the requests whose truth is not known yet",
            )
    known = _known(folder, {request for request, _ in given})
    now = clock.now()
    lines = [line(Truth(now, request, label)) for request, label in given if request in known]
    segment = Segment(folder, STEM)
    for start in range(0, len(lines), _BATCH):
        segment.append(lines[start : start + _BATCH])
    segment.close()
    return Added(len(lines), len(given) - len(lines))


def read_labels(folder: Path) -> pl.DataFrame:
    """Return request_id, label (as text) and time; of several labels the newest wins."""
    tables = [_read(piece, _COLUMNS) for piece in reader.pieces(folder, STEM)]
    if not tables:
        return pl.DataFrame(schema=_COLUMNS)
    labels = pl.concat(tables).drop_nulls().sort("time", maintain_order=True)
    return labels.unique("request_id", keep="last", maintain_order=True)


def labelled(window: reader.Window, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the window's rows whose truth is known, with the columns `label` and `told` (when)."""
    truth = labels.select("request_id", "label", told="time")
    return window.table.join(truth, on="request_id", how="inner")


def _usable(label: object) -> bool:
    if isinstance(label, float):
        return math.isfinite(label)
    return isinstance(label, str | int)


def _known(folder: Path, wanted: set[str]) -> set[str]:
    """Return those of the wanted ids that were predicted, without holding the log in memory."""
    sought = pl.Series("request_id", sorted(wanted), pl.String)
    known: set[str] = set()
    for seen in _ids(folder):
        known.update(seen.filter(seen.is_in(sought.implode())).to_list())
    return known


def _ids(folder: Path) -> Iterator[pl.Series]:
    for path in reader.segments(folder, reader.STEM):
        if path.suffix == ".parquet":
            yield pl.read_parquet(path, columns=["request_id"])["request_id"]
    for piece in reader.pieces(folder, reader.STEM):
        yield _read(piece, {"request_id": pl.String()})["request_id"]


def _read(piece: bytes, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """Read these fields; where the piece holds half a line, all lines but that one."""
    try:
        return pl.read_ndjson(io.BytesIO(piece), schema=types)
    except pl.exceptions.PolarsError:
        whole = [text for text in piece.splitlines(keepends=True) if text.endswith(b"}\n")]
        return pl.read_ndjson(io.BytesIO(b"".join(whole)), schema=types)
