"""Divide a table into rows to learn from and rows to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.errors import DataError
from mlwright.data.dates import as_dates
from mlwright.data.schema import Schema, target_codes
from mlwright.data.target import labelled_rows

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Both parts, how they were divided, and which rows of the table each one holds."""

    train: pl.DataFrame
    holdout: pl.DataFrame
    how: str
    train_rows: Rows
    holdout_rows: Rows


def split(table: pl.DataFrame, schema: Schema, *, share: float, seed: int) -> Split:
    """Keep `share` of the rows as holdout: the newest where rows are dated, else at random.

    At random means stratified: each class gives the same share, and at least one row to each
    side. Rows of one date are never divided. Row order is kept within both parts. Rows without a
    target are in neither.

    Raises:
        DataError: the target or the dates cannot be read.
    """
    known = labelled_rows(table, schema.signature.target)
    rows = table[known]
    if schema.date_column is not None:
        held, how = _newest(rows, schema.date_column, share)
    else:
        strata = _strata(rows, schema)
        held = stratified(strata, share=share, seed=seed)
        how = f"at random, {'stratified by class, ' if strata.any() else ''}seed {seed}"
    train, holdout = known[~held], known[held]
    return Split(table[train], table[holdout], how, train, holdout)


def stratified(strata: NDArray[np.int64], *, share: float, seed: int) -> NDArray[np.bool_]:
    """Mark `share` of each stratum (rows,), drawn at random.

    >>> stratified(np.array([0, 0, 0, 0, 1, 1]), share=0.5, seed=0).sum()
    np.int64(3)
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(len(strata), dtype=bool)
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        most = max(len(rows) - 1, 1)
        held[rows[: min(max(round(share * len(rows)), 1), most)]] = True
    return held


def _strata(table: pl.DataFrame, schema: Schema) -> NDArray[np.int64]:
    if schema.signature.task == "regression":
        return np.zeros(table.height, dtype=np.int64)
    codes: NDArray[Any] = target_codes(table, schema.signature)
    return codes.astype(np.int64)


def _newest(table: pl.DataFrame, column: str, share: float) -> tuple[NDArray[np.bool_], str]:
    dates = as_dates(table[column])
    if dates is None or dates.null_count():
        raise DataError(
            f"the date column {column!r} holds values that are not dates",
            hint="mend those rows or leave the column out",
        )
    first = dates.sort()[round((1 - share) * (len(dates) - 1))]
    held = (dates >= first).to_numpy()
    if held.all():
        held = (dates > first).to_numpy()
    return held, f"by time, {column} from {first} on"
