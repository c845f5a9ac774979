"""Where rows to check come from: what a source gives, and the kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of a window, one column at a time, so that a large file need not fit in memory.

    `column` reads a feature. `facts` holds what a row has beside features, by our names: time
    (seconds since 1970), request_id, prediction, score, label, latency_ms; those that are known.
    `left_out` counts rows that are not among these, by reason.
    """

    rows: int
    features: tuple[str, ...]
    column: Callable[[str], pl.Series]
    facts: pl.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """A place where predictions and their features lie: files, a log, later a service."""

    @property
    def name(self) -> str:
        """Return what messages call it."""
        ...

    def sample(self, *, since: float | None = None, until: float | None = None) -> Sample:
        """Return the rows with since <= time < until; without a time column, all.

        Raises:
            DataError: it cannot be read.
        """
        ...
