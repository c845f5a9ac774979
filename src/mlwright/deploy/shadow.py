"""What a shadow answered, beside what the champion answered to the same requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from mlwright.core.signature import Label
from mlwright.predictions.tail import Tail
from mlwright.stats.intervals import wilson

_WAITING: Final = 100_000  # rows whose other half has not been seen yet
_KEPT: Final = 20_000  # latencies, the newest
_SLICES: Final = 200  # values of columns that are counted apart
_SHOWN: Final = 10
_LEAST: Final = 20  # rows of a slice that is shown


class _Row(msgspec.Struct, frozen=True, gc=False):
    """The fields of a prediction's line that are compared."""

    time: float
    request_id: str
    version: int
    prediction: Label
    score: float | list[float]
    latency_ms: float
    features: dict[str, Any] = {}


@dataclass(slots=True)
class _Slice:
    rows: int = 0
    flipped: int = 0


class Shadow:
    """Pairs the rows of the champion's log with those of the shadow's, as both are written.

    A number agrees when it differs by less than a thousandth of itself. `requests` counts those
    that the champion answered meanwhile: what the shadow lacks of them was dropped or failed.
    """

    def __init__(self, folder: Path, *, champion: int, since: float) -> None:
        self._champion = champion
        self._since = since
        self._old = Tail(folder, "predictions", _Row, since=since)
        self._new = Tail(folder, "mirrors", _Row, since=since)
        self._waiting: dict[str, _Row] = {}
        self._copies: dict[str, _Row] = {}
        self._latency: tuple[list[float], list[float]] = ([], [])
        self._flips: Counter[tuple[str, str]] = Counter()
        self._slices: dict[tuple[str, str], _Slice] = {}
        self.requests = 0
        self.compared = 0
        self.agreed = 0

    def look(self) -> bool:
        """Take in what is new, and say whether there was anything."""
        before = self.requests, self.compared
        for row in self._old.new():
            if row.version == self._champion and row.time >= self._since:
                self.requests += 1
                self._waiting[row.request_id] = row
        self._copies |= {row.request_id: row for row in self._new.new() if row.time >= self._since}
        for name in self._copies.keys() & self._waiting.keys():
            self._compare(self._waiting.pop(name), self._copies.pop(name))
        _thin(self._waiting)
        _thin(self._copies)
        return (self.requests, self.compared) != before

    def to_json(self) -> dict[str, Any]:
        """Return agreement with its interval, flips, slices that flip most, and latencies."""
        agreement = wilson(self.agreed, self.compared) if self.compared else None
        flips = self._flips.most_common(_SHOWN)
        return {
            "requests": self.requests,
            "compared": self.compared,
            "missing": self.requests - self.compared,
            "agreement": agreement.to_json() if agreement else None,
            "flips": [
                {"champion": old, "candidate": new, "rows": count} for (old, new), count in flips
            ],
            "slices": self._worst(),
            "latency_ms": {
                name: _quantiles(values)
                for name, values in zip(("champion", "candidate"), self._latency, strict=True)
            },
        }

    def _compare(self, old: _Row, new: _Row) -> None:
        self.compared += 1
        agrees = _agree(old.prediction, new.prediction)
        self.agreed += agrees
        if not agrees and not isinstance(old.prediction, float):
            pair = str(old.prediction), str(new.prediction)
            if pair in self._flips or len(self._flips) < _SLICES:
                self._flips[pair] += 1
        for values, row in zip(self._latency, (old, new), strict=True):
            values.append(row.latency_ms)
            del values[:-_KEPT]
        self._count(old.features, flipped=not agrees)

    def _count(self, features: Mapping[str, Any], *, flipped: bool) -> None:
        for column, value in features.items():
            if not isinstance(value, str | bool):
                continue
            at = (column, str(value))
            if at not in self._slices and len(self._slices) >= _SLICES:
                continue
            found = self._slices.setdefault(at, _Slice())
            found.rows += 1
            found.flipped += flipped

    def _worst(self) -> list[dict[str, Any]]:
        rates = [
            (found.flipped / found.rows, column, value, found.rows)
            for (column, value), found in self._slices.items()
            if found.rows >= _LEAST and found.flipped
        ]
        return [
            {"column": column, "value": value, "rows": rows, "flipped": rate}
            for rate, column, value, rows in sorted(rates, reverse=True)[:_SHOWN]
        ]


def _agree(old: Label, new: Label) -> bool:
    if isinstance(old, float) and isinstance(new, int | float):
        return abs(old - new) <= 1e-3 * max(1.0, abs(old))
    return old == new


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    found = np.quantile(values, (0.5, 0.95, 0.99))
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), found, strict=True)}


def _thin(rows: dict[str, _Row]) -> None:
    for name in list(rows)[: max(0, len(rows) - _WAITING)]:
        del rows[name]
