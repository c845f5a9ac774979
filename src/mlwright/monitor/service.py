"""How the environment answered: traffic, latency and failures, as the logs know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.predictions.lines import Outcome
from mlwright.predictions.outcomes import STEM
from mlwright.predictions.tail import Tail
from mlwright.stats.arrays import FloatArray
from mlwright.stats.intervals import Interval, wilson

from .live import Live
from .rows import Rows

HOUR = 3600.0
_MOST_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """Rows answered a span from `since` on (`width` seconds each), and milliseconds.

    `errors` is the share of requests that a rollout routed and that failed, or None without one:
    the log of predictions holds answers alone.
    """

    rows: int
    latency_ms: Mapping[str, float | None]
    errors: Interval | None
    fallbacks: int
    width: float
    times: FloatArray
    traffic: FloatArray
    p95_ms: FloatArray

    def to_json(self) -> dict[str, Any]:
        """Return the service as a JSON object."""
        return {
            "rows": self.rows,
            "latency_ms": dict(self.latency_ms),
            "errors": self.errors.to_json() if self.errors else None,
            "fallbacks": self.fallbacks,
        }


def service(answering: Live, rows: Rows, *, since: float, until: float) -> Service:
    """Summarise how the rows of a period were answered."""
    hours = max(1.0, np.ceil((until - since) / HOUR))
    width = HOUR * float(np.ceil(hours / _MOST_POINTS))
    count = int(np.ceil((until - since) / width))
    by = (
        rows.table.select(
            place=((pl.col("time") - since) // width).cast(pl.Int64), latency="latency_ms"
        )
        .group_by("place")
        .agg(count=pl.len(), p95=pl.col("latency").quantile(0.95, "higher"))
        .sort("place")
    )
    traffic, p95 = np.zeros(count), np.full(count, np.nan)
    places = by["place"].to_numpy()
    traffic[places] = by["count"].to_numpy()
    p95[places] = by["p95"].cast(pl.Float64).to_numpy()
    return Service(
        rows.table.height,
        rows.latency_ms(),
        _errors(answering, since, until),
        rows.fallbacks(),
        width,
        since + width * np.arange(count, dtype=np.float64),
        traffic,
        p95,
    )


def _errors(answering: Live, since: float, until: float) -> Interval | None:
    told = Tail(answering.log, STEM, Outcome, since=since).new()
    mine = [outcome.ok for outcome in told if since <= outcome.time < until]
    return wilson(mine.count(False), len(mine)) if mine else None
