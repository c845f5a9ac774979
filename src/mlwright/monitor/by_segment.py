"""A period by the values of `monitor.segment`: how many rows, how answered, how well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from mlwright.predictions.reader import PREFIX, Window
from mlwright.profile import pack
from mlwright.profile.profile import NumberProfile, Profile
from mlwright.stats.intervals import Interval, mean_interval

from . import hours
from .counted import LATENCY, LEVEL, count, like, quantile
from .period import Period
from .rows import Rows
from .truth import Known

_FEWEST_LABELS = 30


@dataclass(frozen=True, slots=True)
class OfSegment:
    """One value of the segment: its rows and share, what was answered on average, and how fast.

    `answer` is the mean of P(positive), of the value, or of the highest probability; `loss` the
    mean loss of its labelled rows, None below 30 of them.
    """

    value: str
    rows: int
    share: float
    answer: float | None
    p95_ms: float | None
    loss: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "value": self.value,
            "rows": self.rows,
            "share": self.share,
            "mean_answer": self.answer,
            "p95_ms": self.p95_ms,
            "mean_loss": self.loss.to_json() if self.loss else None,
        }


def by_segment(seen: Period, segment: str | None, judged: Known) -> tuple[OfSegment, ...]:
    """Return the most frequent values first; none where no segment is set, or it is no column.

    Rows of hours counted before the segment was set belong to no value.
    """
    if segment is None or segment not in seen.answering.bundle.signature.names:
        return ()
    losses = _losses(judged, segment)
    found = [
        _of(value, total, seen.rows, losses.get(value))
        for value, total in _totals(seen, segment).items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.value)))


def _totals(seen: Period, segment: str) -> dict[str, Profile]:
    bundle = seen.answering.bundle
    packed: dict[str, list[pack.Packed]] = {}
    for value, part in hours.parts_by_value(
        seen.answering, segment, since=seen.since, until=seen.until
    ):
        packed.setdefault(value, []).append(pack.unpack(part.path.read_bytes()))
    for value, rows in hours.by_value(seen.rest.table, segment):
        made = count(bundle, Rows(Window(rows, 0, None, None), 0))
        packed.setdefault(value, []).append(pack.unpack(pack.pack(made)))
    return {value: pack.total(parts, like(bundle)) for value, parts in packed.items()}


def _of(value: str, total: Profile, rows: int, loss: Interval | None) -> OfSegment:
    level, latency = (cast("NumberProfile", total.columns[name]) for name in (LEVEL, LATENCY))
    share = total.rows / rows if rows else 0.0
    return OfSegment(value, total.rows, share, level.mean, quantile(latency, 0.95), loss)


def _losses(judged: Known, segment: str) -> dict[str, Interval]:
    name = f"{PREFIX}{segment}"
    if name not in judged.table.columns or not len(judged):
        return {}
    values = judged.table[name].cast(pl.String)
    table = pl.DataFrame({"value": values, "loss": judged.losses}).drop_nulls("value")
    return dict(_intervals(table))


def _intervals(table: pl.DataFrame) -> Iterator[tuple[str, Interval]]:
    for (value,), rows in table.group_by("value", maintain_order=True):
        if rows.height >= _FEWEST_LABELS:
            yield str(value), mean_interval(rows["loss"].to_numpy())
