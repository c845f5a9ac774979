"""The rows of a window in the form that profiles and metrics take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.signature import Signature
from mlwright.data.schema import columns
from mlwright.predictions.reader import PREFIX, Window, read

from .live import Live

_POINTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Rows:
    """What the live version answered in a window; `others` counts other versions' rows."""

    window: Window
    others: int

    @property
    def table(self) -> pl.DataFrame:
        """Return the rows, as the prediction log's reader gives them."""
        return self.window.table

    def columns(self, signature: Signature) -> dict[str, NDArray[Any]]:
        """Return the features as arrays; one that was never sent is all null.

        Raises:
            SignatureError: a feature holds what the model does not take.
        """
        sent = {name: f"{PREFIX}{name}" for name in signature.names}
        features = self.table.select(
            (pl.col(logged) if logged in self.table.columns else pl.lit(None)).alias(name)
            for name, logged in sent.items()
        )
        return columns(features, signature)

    def latency_ms(self) -> Mapping[str, float | None]:
        """Return the median, 95th and 99th percentile, in milliseconds."""
        values = self.table["latency_ms"].drop_nulls()
        return {name: values.quantile(at, "higher") for name, at in _POINTS.items()}

    def fallbacks(self) -> int:
        """Return how many rows were answered because a candidate had failed."""
        return int((self.table["route"] == "fallback").sum())


def read_rows(live: Live, *, since: float, until: float) -> Rows:
    """Read what the live version answered with since <= time < until."""
    window = read(live.log, since=since, until=until)
    mine = (pl.col("model") == live.model) & (pl.col("version") == live.version)
    table = window.table.filter(mine)
    kept = Window(table, window.skipped, window.since, window.until)
    return Rows(kept, window.table.height - table.height)


def scores(table: pl.DataFrame, signature: Signature) -> NDArray[np.float64]:
    """Return the scores (rows,), or (rows, classes) of a model of several classes."""
    series = table["score"]
    if signature.task != "multiclass":
        # A window shared with such a model holds lists of one.
        flat = series.list.first() if series.dtype == pl.List else series
        return np.asarray(flat.to_numpy(), dtype=np.float64)
    width = len(signature.classes)
    return np.asarray(series.list.to_array(width).to_numpy(), dtype=np.float64)
