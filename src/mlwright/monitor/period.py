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
from .counted import BREAKS, LATENCY, LEVEL, ROUTE, count, latencies, like, quantile
from .hours import HOUR
from .live import Live
from .observe import Observed, Seen
from .rows import Rows, read_rows

Columns = dict[str, ColumnProfile]

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

    @property
    def total(self) -> Profile:
        """Return the profile of all rows, in the form of `counted.like`."""
        return self._sums[0]

    @cached_property
    def _sums(self) -> tuple[Profile, list[tuple[float, Columns]]]:
        """Return the total and, from the same reading, latency and level of each kept hour."""
        known = like(self.answering.bundle)
        wanted = {name: known.columns[name] for name in (LATENCY, LEVEL)}
        beside = []

        def parts() -> Iterator[pack.Packed]:
            for hour, packed in self._unpacked():
                beside.append((hour, pack.columns(packed, wanted)))
                yield from packed
            if self.rest.table.height:
                yield pack.unpack(pack.pack(count(self.answering.bundle, self.rest)))

        return pack.total(parts(), known), beside

    def _unpacked(self) -> Iterator[tuple[float, list[pack.Packed]]]:
        for hour in sorted(self.kept):
            yield float(hour), [pack.unpack(part) for part in self.kept[hour]]

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
        for time, columns in self._sums[1]:
            yield time, cast("NumberProfile", columns[LATENCY])
        place = ((self.rest.table["time"] - self.since) // width).cast(pl.Int64)
        for number in place.unique().sort().to_list():
            rows = self.rest.table.filter(place == number)
            yield self.since + number * width, latencies(rows["latency_ms"])

    @property
    def levels(self) -> list[tuple[float, NumberProfile]]:
        """Return the answers' level in each kept hour, by time."""
        return [(time, cast("NumberProfile", columns[LEVEL])) for time, columns in self._sums[1]]

    def hourly(self, names: Collection[str]) -> Iterator[tuple[float, Columns]]:
        """Give the profiles of some columns in each kept hour, by time."""
        known = like(self.answering.bundle).columns
        wanted = {name: known[name] for name in names}
        for hour, packed in self._unpacked() if wanted else ():
            yield hour, pack.columns(packed, wanted)

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
