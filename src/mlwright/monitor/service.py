"""How the environment answered: traffic, latency and failures, as the logs know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.predictions.lines import Outcome
from mlwright.predictions.outcomes import STEM
from mlwright.predictions.tail import Tail
from mlwright.profile.profile import NumberProfile
from mlwright.stats.arrays import FloatArray
from mlwright.stats.intervals import Interval, wilson

from .counted import quantile
from .live import Live
from .period import Period

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


def service(seen: Period) -> Service:
    """Summarise how the rows of a period were answered."""
    since, until = seen.since, seen.until
    hours = max(1.0, np.ceil((until - since) / HOUR))
    width = HOUR * float(np.ceil(hours / _MOST_POINTS))
    found: list[NumberProfile | None] = [None] * int(np.ceil((until - since) / width))
    for time, latency in seen.latencies(width):
        place = int((time - since) // width)
        before = found[place]
        found[place] = latency if before is None else before + latency
    p95 = [quantile(latency, 0.95) if latency else None for latency in found]
    return Service(
        seen.rows,
        seen.latency_ms,
        _errors(seen.answering, since, until),
        seen.fallbacks,
        width,
        since + width * np.arange(len(found), dtype=np.float64),
        np.array([latency.rows + latency.nulls if latency else 0 for latency in found], float),
        np.array([np.nan if value is None else value for value in p95], float),
    )


def _errors(answering: Live, since: float, until: float) -> Interval | None:
    told = Tail(answering.log, STEM, Outcome, since=since).new()
    mine = [outcome.ok for outcome in told if since <= outcome.time < until]
    return wilson(mine.count(False), len(mine)) if mine else None
