"""The rows of a window in the form that profiles and metrics take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core import clock
from mlwright.core.signature import Signature
from mlwright.predictions.reader import PREFIX, Window, read

from .live import Live
from .sources import Sample

SKEW = 60.0
_POINTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Rows:
    """What the live version answered in a window.

    Left out and counted: `others` rows of other versions, `repeated` request ids after their first
    row, and rows `ahead`, which bear a time more than a minute after now.
    """

    window: Window
    others: int
    repeated: int = 0
    ahead: int = 0

    @property
    def table(self) -> pl.DataFrame:
        """Return the rows, as the prediction log's reader gives them."""
        return self.window.table

    def sample(self, *, without: Collection[str] = ()) -> Sample:
        """Return the rows as a sample of their features, but for those in `without`."""
        table = self.table
        sent = {n.removeprefix(PREFIX): n for n in table.columns if n.startswith(PREFIX)}
        ever = {
            n: column for n, column in sent.items() if n not in without and table[column].count()
        }
        facts = table.select(name for name in table.columns if not name.startswith(PREFIX))
        return Sample(
            table.height,
            tuple(ever),
            lambda name: table[ever[name]].alias(name),
            facts,
            self.left_out(),
        )

    def left_out(self) -> dict[str, int]:
        """Return how many rows are not among these, by reason."""
        counts = {
            "damaged lines": self.window.skipped,
            "rows of other versions": self.others,
            "repeated request ids": self.repeated,
            "rows ahead of this clock": self.ahead,
        }
        return {reason: count for reason, count in counts.items() if count}

    def latency_ms(self) -> Mapping[str, float | None]:
        """Return the median, 95th and 99th percentile, in milliseconds."""
        values = self.table["latency_ms"].drop_nulls()
        return {name: values.quantile(at, "higher") for name, at in _POINTS.items()}

    def fallbacks(self) -> int:
        """Return how many rows were answered because a candidate had failed."""
        return int((self.table["route"] == "fallback").sum())


def read_rows(
    live: Live,
    *,
    since: float,
    until: float,
    requests: pl.Series | None = None,
    without: Collection[str] = (),
) -> Rows:
    """Read what the live version answered with since <= time < until.

    Args:
        live: the version.
        since: seconds since 1970.
        until: not included.
        requests: the ids of the only requests that are wanted.
        without: files of the log (stems of their names) that are not read.
    """
    now = clock.now()
    current = until >= now - SKEW  # then later rows can only be of a clock that goes ahead
    end = None if current else until
    window = read(live.log, since=since, until=end, requests=requests, without=without)
    in_time = window.table.filter(pl.col("time") < until)
    ahead = int((window.table["time"] > now + SKEW).sum()) if current else 0
    mine = (pl.col("model") == live.model) & (pl.col("version") == live.version)
    table = in_time.filter(mine)
    others = in_time.height - table.height
    repeated = table.height - table["request_id"].n_unique()
    if repeated:
        table = table.unique("request_id", keep="first", maintain_order=True)
    return Rows(Window(table, window.skipped, since, until), others, repeated, ahead)


def scores(table: pl.DataFrame, signature: Signature) -> NDArray[np.float64]:
    """Return the scores (rows,), or (rows, classes) of a model of several classes."""
    series = table["score"]
    if signature.task != "multiclass":
        # A window shared with such a model holds lists of one.
        flat = series.list.first() if series.dtype == pl.List else series
        return np.asarray(flat.to_numpy(), dtype=np.float64)
    width = len(signature.classes)
    return np.asarray(series.list.to_array(width).to_numpy(), dtype=np.float64)
