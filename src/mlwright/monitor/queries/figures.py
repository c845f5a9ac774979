"""How questions were answered in a span of the query log: every figure with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mlwright.predictions.query_log import Asked
from mlwright.stats.arrays import IntArray
from mlwright.stats.clustered import Share, share
from mlwright.stats.intervals import Interval, mean_interval
from mlwright.stats.quantiles import quantile_interval

POINTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
SHARES = {
    "refusals": "refused for weak evidence",
    "empty_retrievals": "nothing found",
    "cache_hits": "from the cache",
    "positive_feedback": "of the rated answers were liked",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a span says; what is too little for an interval is None or missing.

    `shares` are named as in `SHARES`: refusals among answers, empty retrievals and cache hits among
    queries, positive among rated answers. `cost` is the mean of a query, `cost_total` the sum of
    those known; `uncosted` have a model without a price. `callers` are the units: routing keys, and
    each request without one. `versions` counts queries by the version that answered.
    """

    queries: int
    callers: int
    versions: Mapping[int, int]
    latency_ms: Mapping[str, Interval | None]
    shares: Mapping[str, Share]
    cost: Interval | None
    cost_total: float
    uncosted: int
    ratings: Mapping[str, int]
    fallbacks: int

    def interval(self, name: str) -> Interval | None:
        """Return a share with its interval, or None where there was nothing to measure."""
        return self.shares[name].interval if name in self.shares else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as a JSON object."""
        return {
            "queries": self.queries,
            "callers": self.callers,
            "versions": {str(version): count for version, count in self.versions.items()},
            "latency_ms": {name: _json(value) for name, value in self.latency_ms.items()},
            **{name: _json(self.interval(name)) for name in SHARES},
            "ratings": dict(self.ratings),
            "cost": _json(self.cost),
            "cost_total": self.cost_total,
            "queries_of_unknown_cost": self.uncosted,
            "fallbacks": self.fallbacks,
        }


def _json(value: Interval | None) -> dict[str, float | int] | None:
    return value.to_json() if value else None


def figures(asked: Asked) -> Figures:
    """Measure a span of the query log."""
    table = asked.queries
    rated = asked.feedback.filter(pl.col("score") != 0).join(
        table.select("request_id", "key"), on="request_id"
    )
    answers = table.filter(pl.col("answer") != "retrieval")
    happened = {
        "refusals": (answers, answers["answer"] == "unknown"),
        "empty_retrievals": (table, table["found"] == 0),
        "cache_hits": (table, table["cached"].fill_null(False)),
        "positive_feedback": (rated, rated["score"] > 0),
    }
    costs = table["cost"].drop_nulls()
    latencies = table["latency_ms"].to_numpy()
    by_version = table.group_by("version").len().sort("version")
    return Figures(
        queries=table.height,
        callers=int(units(table).max() + 1) if table.height else 0,
        versions=dict(by_version.iter_rows()),
        latency_ms={
            name: quantile_interval(latencies, at) if len(latencies) else None
            for name, at in POINTS.items()
        },
        shares={
            name: share(was.cast(pl.Float64).to_numpy(), units(of))
            for name, (of, was) in happened.items()
            if of.height
        },
        cost=mean_interval(costs.to_numpy()) if len(costs) > 1 else None,
        cost_total=float(costs.sum()),
        uncosted=table.height - len(costs),
        ratings={
            "up": int((asked.feedback["score"] > 0).sum()),
            "neutral": int((asked.feedback["score"] == 0).sum()),
            "down": int((asked.feedback["score"] < 0).sum()),
        },
        fallbacks=int((table["route"] == "fallback").sum()),
    )


def units(table: pl.DataFrame) -> IntArray:
    """Return the number of each query's unit: its routing key, or itself where there is none."""
    owner = pl.concat_str(
        pl.col("key").is_null().cast(pl.String), pl.coalesce("key", "request_id"), separator="/"
    )
    ranked = table.select(owner.rank("dense").alias("unit"))["unit"].to_numpy()
    return np.asarray(ranked, np.int64) - 1
