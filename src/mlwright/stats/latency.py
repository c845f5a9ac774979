"""Latencies in a fixed-size histogram whose bins grow by 1%, after HdrHistogram (Tene, 2012).

A percentile read from it is off by at most 0.5% of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate

_LEAST = 1e-6
_GROWTH = 1.01
_STEP = math.log(_GROWTH)
_BINS = math.ceil(math.log(3600 / _LEAST) / _STEP) + 1


class Latencies:
    """Counts of latencies in seconds, from a microsecond to an hour; two can be added exactly.

    >>> latencies = Latencies()
    >>> for milliseconds in range(1, 101):
    ...     latencies.add(milliseconds / 1000)
    >>> [round(1000 * latencies.percentile(p)) for p in (50, 95, 99)], latencies.count
    ([50, 95, 99], 100)
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self._counts = [0] * _BINS

    def add(self, seconds: float) -> None:
        """Count one latency."""
        place = int(math.log(seconds / _LEAST) / _STEP) if seconds > _LEAST else 0
        self._counts[min(place, _BINS - 1)] += 1
        self.count += 1
        self.largest = max(self.largest, seconds)

    def __add__(self, other: Latencies) -> Latencies:
        total = Latencies()
        total.count = self.count + other.count
        total.largest = max(self.largest, other.largest)
        total._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        return total

    def percentile(self, percent: float) -> float:
        """Return the seconds that this share of the latencies does not exceed; NaN without any."""
        if not self.count:
            return math.nan
        wanted = max(math.ceil(self.count * percent / 100), 1)
        place = next(i for i, seen in enumerate(accumulate(self._counts)) if seen >= wanted)
        return min(_LEAST * math.exp(_STEP * (place + 0.5)), self.largest)

    def curve(self) -> Mapping[float, float]:
        """Return percentiles up to the largest: percent -> seconds."""
        return {percent: self.percentile(percent) for percent in (50, 75, 90, 95, 99, 99.9, 100)}

    def to_json(self) -> dict[str, float]:
        """Return the documented percentiles, in milliseconds.

        >>> Latencies().to_json()
        {}
        """
        if not self.count:
            return {}
        known = {f"p{p:g}": 1000 * self.percentile(p) for p in (50, 90, 95, 99, 99.9)}
        return {
            name: round(value, 3) for name, value in {**known, "max": 1000 * self.largest}.items()
        }
