"""Rows that a packaged model has scored, beside their truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import DataError
from mlwright.core.signature import Signature
from mlwright.data.schema import columns, target_codes
from mlwright.data.target import labelled_rows
from mlwright.stats.arrays import FloatArray
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.stats.intervals import Interval
from mlwright.stats.metrics import losses

FEWEST_ROWS = 20
_MANY_ROWS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Truth and decisions as codes (n,) (0/1, class index, or value), and the scores.

    `rows` are the numbers of the table's rows, which begin at 0.
    """

    signature: Signature
    columns: Mapping[str, NDArray[Any]]
    rows: NDArray[np.int64]
    truth: NDArray[Any]
    decided: NDArray[Any]
    scores: FloatArray

    @property
    def losses(self) -> FloatArray:
        """Return each row's log loss, or squared error."""
        return losses(self.signature.task, self.truth, self.scores)

    def metrics(self, *, seed: int = 0, units: NDArray[Any] | None = None) -> dict[str, Interval]:
        """Return every metric that exists for these rows, with its 95% interval.

        `units` (n,) says which rows belong together, where they do; n then counts the units.
        """
        task = self.signature.task
        scores = None if task == "regression" else self.scores
        repeats = 1000 if len(self.truth) <= _MANY_ROWS else 200
        return bootstrap_metrics(
            task, self.truth, self.decided, scores, seed=seed, repeats=repeats, units=units
        )


def score(bundle: Bundle, table: pl.DataFrame) -> Scored:
    """Score the rows of a table that have a target.

    Raises:
        SignatureError: columns are missing or do not fit; all are named.
        DataError: the target is missing, holds unknown classes, or too few rows have one.
    """
    signature = bundle.signature
    kept = labelled_rows(table, signature.target)
    if len(kept) < FEWEST_ROWS:
        raise DataError(
            f"the table has {len(kept)} rows with a target, to judge a model takes at least "
            f"{FEWEST_ROWS}",
            hint="give more rows",
        )
    table = table[kept]
    values, truth = columns(table, signature), target_codes(table, signature)
    return scored(bundle, values, truth, rows=kept)


def scored(
    bundle: Bundle,
    values: Mapping[str, NDArray[Any]],
    truth: NDArray[Any],
    *,
    rows: NDArray[np.int64] | None = None,
) -> Scored:
    """Score rows that are columns already, with what answers requests: it is what is judged."""
    found = bundle.model().scores(values, as_served=True)
    if bundle.signature.task != "regression":
        found = np.clip(found, 0.0, 1.0)
    numbers = np.arange(len(truth)) if rows is None else rows
    decided = decide(found, bundle.threshold)
    return Scored(bundle.signature, values, numbers, truth, decided, found)


def decide(scores: FloatArray, threshold: float | None) -> NDArray[Any]:
    """Return the class index, 0/1 where there is a threshold, or the value."""
    if scores.ndim == 2:
        return np.asarray(scores.argmax(axis=1))
    return scores if threshold is None else (scores >= threshold).astype(np.int64)
