"""The metrics of each day or week of a period, each with its interval, beside the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlwright.core import clock
from mlwright.stats.intervals import Interval

from .cursor import boundary
from .performance import FEWEST_LABELS, intervals
from .truth import Known

Span = Literal["day", "week"]
SECONDS: dict[Span, float] = {"day": 86_400.0, "week": 7 * 86_400.0}
_MOST_DAYS = 31
_MOST_ROWS = 5_000
_REPEATS = 400  # for each of up to 31 points, at 95%
_MONDAY = 4 * 86_400.0  # the first after 1970 began


@dataclass(frozen=True, slots=True)
class Point:
    """A span that begins at `since`: its labelled rows, and metrics where these are enough."""

    since: float
    labelled: int
    metrics: Mapping[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Return the point as a JSON object."""
        return {
            "since": clock.iso(self.since),
            "labelled": self.labelled,
            "metrics": {name: value.to_json() for name, value in self.metrics.items()},
        }


@dataclass(frozen=True, slots=True)
class Trend:
    """The points of a period, a day or a week apart; weeks begin on Monday, days in UTC."""

    span: Span
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the trend as a JSON object."""
        return {"span": self.span, "points": [point.to_json() for point in self.points]}


def trend(known: Known, *, since: float, until: float) -> Trend:
    """Measure each day of up to 31, each week of a longer period; 95% intervals."""
    span: Span = "day" if until - since <= _MOST_DAYS * SECONDS["day"] else "week"
    width, first = SECONDS[span], _MONDAY if span == "week" else 0.0
    begin = first + boundary(since - first, width)
    number = np.floor((known.times - begin) / width).astype(np.int64)
    points = [
        _point(known.where(number == place), begin + place * width)
        for place in range(int(np.ceil((until - begin) / width)))
    ]
    return Trend(span, tuple(points))


def _point(known: Known, since: float) -> Point:
    if len(known) < FEWEST_LABELS:
        return Point(since, len(known), {})
    return Point(
        since, len(known), intervals(known.newest(_MOST_ROWS), level=0.95, repeats=_REPEATS)
    )
