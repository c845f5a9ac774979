"""Since when: the moment at which a column, the predictions or the loss changed their level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.core import clock
from mlwright.stats.arrays import FloatArray
from mlwright.stats.change import change

LIMIT = 0.001
_MOST_BINS = 200
_FEWEST_A_BIN = 20
_DAY = 86_400.0
_FEWEST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Begin:
    """A level changed at a time, which lies between `low` and `high` with 95% confidence."""

    time: float
    low: float
    high: float
    before: float
    after: float
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        times = {"time": self.time, "low": self.low, "high": self.high}
        levels = {"before": self.before, "after": self.after, "p_value": self.p_value}
        return {**{name: clock.iso(value) for name, value in times.items()}, **levels}


def begin(
    times: FloatArray,
    values: FloatArray,
    *,
    weights: FloatArray | None = None,
    limit: float = LIMIT,
) -> Begin | None:
    """Return when the mean of the values changed, or None where nothing speaks for a change.

    Neighbouring rows are averaged in up to 200 groups of about equal size. Over three days or more
    the hours of the day are set off first, so that a daily cycle is no change.

    Args:
        times: when each row was answered, seconds since 1970, ascending (n,).
        values: what is looked at, or the means of several rows each (n,).
        weights: of how many rows each value is the mean; of one when left out (n,).
        limit: the greatest p-value that speaks for one.
    """
    counts = np.ones(len(values)) if weights is None else weights
    before = np.cumsum(counts) - counts
    least = max(_FEWEST_A_BIN, counts.max(initial=0))
    groups = min(_MOST_BINS, int(counts.sum() // least))
    if groups < 1:
        return None
    level = _without_hours(times, values, counts)
    place = np.minimum(before * groups // counts.sum(), groups - 1).astype(np.int64)
    _, first, place = np.unique(place, return_index=True, return_inverse=True)
    means = np.bincount(place, level * counts) / np.bincount(place, counts)
    found = change(means)
    if found is None or found.p_value > limit:
        return None
    starts = times[first]
    ends = np.minimum((found.at, found.low, found.high), len(starts) - 1)
    at, low, high = starts[ends].tolist()
    return Begin(at, low, high, found.before, found.after, found.p_value)


def _without_hours(times: FloatArray, values: FloatArray, counts: FloatArray) -> FloatArray:
    if times[-1] - times[0] < _FEWEST_DAYS * _DAY:
        return values
    hours = ((times % _DAY) // 3600).astype(np.int64)
    mean = np.bincount(hours, values * counts, 24) / np.maximum(np.bincount(hours, counts, 24), 1)
    return np.asarray(values - mean[hours] + np.average(values, weights=counts))
