"""Rows whose truth is known, as the metrics take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.signature import Label, Signature
from mlwright.predictions import truths
from mlwright.stats.arrays import FloatArray
from mlwright.stats.metrics import losses

from .live import Live
from .rows import scores


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Labelled rows of the log whose label the model knows; `strange` counts the others.

    `truth` and `predicted` are class indices, or the numbers of a regression (n,).
    """

    signature: Signature
    table: pl.DataFrame
    truth: FloatArray
    predicted: FloatArray
    strange: int

    def __len__(self) -> int:
        return self.table.height

    @property
    def times(self) -> FloatArray:
        """Return when each row was answered, in seconds since 1970 (n,)."""
        return np.asarray(self.table["time"].to_numpy(), dtype=np.float64)

    @property
    def scores(self) -> FloatArray | None:
        """Return the probabilities (n,) or (n, classes); None of a regression, or if unknown."""
        if self.signature.task == "regression" or "score" not in self.table.columns:
            return None
        return scores(self.table, self.signature)

    @property
    def losses(self) -> FloatArray:
        """Return the log loss or squared error of each row (n,)."""
        given = self.scores
        answers = self.predicted if given is None else given
        return losses(self.signature.task, self.truth, answers)

    @property
    def units(self) -> NDArray[Any] | None:
        """Return the unit of each row, its routing key, or None when every row is its own."""
        units = self.table.select(pl.coalesce("key", "request_id")).to_series()
        return None if units.n_unique() == len(units) else units.rank("dense").to_numpy()

    @property
    def lag_seconds(self) -> dict[str, float] | None:
        """Return how long after the answer the label was told, or None of no rows."""
        lag = self.table["told"] - self.table["time"]
        found = {name: lag.quantile(at, "higher") for name, at in (("p50", 0.5), ("p95", 0.95))}
        return {name: value for name, value in found.items() if value is not None} or None

    def where(self, kept: NDArray[np.bool_]) -> Known:
        """Return the rows that are marked (n,)."""
        return Known(
            self.signature,
            self.table.filter(pl.Series(kept, dtype=pl.Boolean)),
            self.truth[kept],
            self.predicted[kept],
            self.strange,
        )

    def newest(self, most: int) -> Known:
        """Return the last rows, as many as there are at most."""
        return self.where(np.arange(len(self)) >= len(self) - most)


def known(labelled: pl.DataFrame, signature: Signature) -> Known:
    """Return the rows of the log (with the columns `label`, `told`) that can be judged."""
    truth, predicted = (codes(labelled[name], signature) for name in ("label", "prediction"))
    usable = np.isfinite(truth) & np.isfinite(predicted)
    strange = int(len(usable) - usable.sum())
    every = Known(signature, labelled, truth, predicted, strange)
    return every.where(usable) if strange else every


def told_in(live: Live, *, since: float, until: float) -> Known:
    """Return the live version's rows with since <= time < until whose labels were told."""
    rows = truths.read(live.log, since=since, until=until)
    mine = (pl.col("model") == live.model) & (pl.col("version") == live.version)
    return known(rows.filter(mine), live.bundle.signature)


def codes(values: pl.Series, signature: Signature) -> FloatArray:
    """Return class indices, or numbers of a regression; NaN for what is neither."""
    if signature.task == "regression":
        numbers = values.cast(pl.Float64, strict=False)
    else:
        spelled = {
            text: float(index)
            for index, label in enumerate(signature.classes)
            for text in _spellings(label)
        }
        numbers = values.cast(pl.String).replace_strict(
            spelled, default=None, return_dtype=pl.Float64
        )
    return np.asarray(numbers.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _spellings(label: Label) -> set[str]:
    """Return how a label may stand in a log or a label file."""
    if isinstance(label, bool):
        return {str(label), str(label).lower()}
    if isinstance(label, int | float) and float(label).is_integer():
        return {str(label), str(int(label)), str(float(label))}
    return {str(label)}
