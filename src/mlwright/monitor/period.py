"""What is known of a period: the kept hours, and the rows that are in none of them yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import polars as pl

from mlwright.core import clock
from mlwright.profile import pack
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile

from . import hours
from .counted import BREAKS, LATENCY, ROUTE, count, latencies, like, quantile
from .hours import HOUR
from .live import Live
from .observe import Observed, Seen
from .rows import Rows, read_rows

POINTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, eq=False)
class Period:
    """The live version's answers from `since` to `until`, both full hours where hours are kept.

    `kept` are packed profiles by hour, `rest` the rows of files of the log that are not counted.
    """

    answering: Live
    since: float
    until: float
    kept: Mapping[int, list[bytes]]
    rest: Rows
    others: int
    left_out: Mapping[str, int]

    @cached_property
    def total(self) -> Profile:
        """Return the profile of all rows, in the form of `counted.like`."""
        packed = [part for parts in self.kept.values() for part in parts]
        if self.rest.table.height:
            packed.append(pack.pack(count(self.answering.bundle, self.rest)))
        return pack.total(packed, like(self.answering.bundle))

    @property
    def rows(self) -> int:
        """Return how many rows were answered."""
        return self.total.rows

    def seen(self, *, without: Collection[str] = ()) -> Observed:
        """Return the columns as an observation of a window gives them."""
        breaks = self._categories(BREAKS).counts
        columns = {
            name: Seen(self.total.columns[name], None, breaks[name], None)
            for name in self.answering.bundle.signature.names
            if name not in without
        }
        return Observed(columns, self.rows)

    @property
    def fallbacks(self) -> int:
        """Return how many rows were answered because a candidate had failed."""
        return self._categories(ROUTE).counts["fallback"]

    @property
    def latency_ms(self) -> dict[str, float | None]:
        """Return the median, 95th and 99th percentile; to within 1% where hours are kept."""
        if not self.kept:
            return dict(self.rest.latency_ms())
        counted = cast("NumberProfile", self.total.columns[LATENCY])
        return {name: quantile(counted, at) for name, at in POINTS.items()}

    def latencies(self, width: float) -> Iterator[tuple[float, NumberProfile]]:
        """Give the latency of each kept hour, and of each span of the rest, by its beginning."""
        for time, column in self.hourly(LATENCY):
            yield time, cast("NumberProfile", column)
        place = ((self.rest.table["time"] - self.since) // width).cast(pl.Int64)
        for number in place.unique().sort().to_list():
            rows = self.rest.table.filter(place == number)
            yield self.since + number * width, latencies(rows["latency_ms"])

    def hourly(self, name: str) -> Iterator[tuple[float, ColumnProfile]]:
        """Give one column's profile of each kept hour, by time."""
        column = like(self.answering.bundle).columns[name]
        for hour in sorted(self.kept):
            yield float(hour), pack.column(self.kept[hour], name, column)

    @property
    def times(self) -> pl.Series:
        """Return when rows were answered, as far as is known: the ends of kept hours, and rows."""
        rest = self.rest.table["time"]
        if rest.len() >= 2:
            return rest
        return pl.Series("time", [float(hour + HOUR) for hour in sorted(self.kept)], pl.Float64)

    def _categories(self, name: str) -> CategoryProfile:
        return cast("CategoryProfile", self.total.columns[name])


def period(answering: Live, *, since: float, until: float) -> Period:
    """Gather what is known; where hours are kept, the ends are moved outwards to full hours.

    Raises:
        ValueError: hours were counted on other edges than the bundle's.
    """
    counted = hours.done(answering.log)
    first, last = np.floor(since / HOUR) * HOUR, np.ceil(until / HOUR) * HOUR
    found = hours.parts(answering.log, since=first, until=last, counted=counted)
    if found:
        since, until = float(first), min(float(last), max(until, clock.now()))
    kept: dict[int, list[bytes]] = {}
    others = 0
    for part in found:
        if (part.model, part.version) == (answering.model, answering.version):
            kept.setdefault(part.time, []).append(part.path.read_bytes())
        else:
            others += part.rows
    rest = read_rows(answering, since=since, until=until, without=counted)
    left_out = hours.left_out(answering.log, since=since, until=until)
    for reason, number in rest.left_out().items():
        left_out[reason] = left_out.get(reason, 0) + number
    if others:
        reason = "rows of other versions"
        left_out[reason] = left_out.get(reason, 0) + others
    return Period(answering, since, until, kept, rest, others + rest.others, left_out)
