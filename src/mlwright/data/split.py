"""Divide a table into rows to learn from and rows to judge by."""

from __future__ import annotations

from collections.abc import Sequence
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
_PLACE = "\0place"


@dataclass(frozen=True, slots=True)
class Split:
    """Both parts, how they were divided, and which rows of the table each one holds."""

    train: pl.DataFrame
    holdout: pl.DataFrame
    how: str
    train_rows: Rows
    holdout_rows: Rows


def split(
    table: pl.DataFrame, schema: Schema, *, share: float, seed: int, group: str | None = None
) -> Split:
    """Keep `share` of the rows as holdout: whole groups, else the newest, else at random.

    By group, as many groups drawn at random as the share has room for, at least one. Where rows
    are dated, the newest; rows of one date are never divided. At random means stratified: each
    class gives the same share, and at least one row to each side; where an input is text, rows
    equal in all inputs stay together. Row order is kept within both parts. Rows without a target
    are in neither.

    Raises:
        DataError: the target, the dates or the groups cannot be read, or a side lacks classes.
    """
    known = labelled_rows(table, schema.signature.target)
    rows = table[known]
    if group is not None:
        held = whole_groups(group_numbers(rows, [group]), share=share, seed=seed)
        how = f"by group, {group}, seed {seed}"
    elif schema.date_column is not None:
        held, how = _newest(rows, schema.date_column, share)
    else:
        held, how = _at_random(rows, schema, share=share, seed=seed)
    if schema.signature.classes:
        _check_classes(target_codes(rows, schema.signature), held, schema, how)
    train, holdout = known[~held], known[held]
    return Split(table[train], table[holdout], how, train, holdout)


def group_numbers(table: pl.DataFrame, names: Sequence[str]) -> Rows:
    """Return for each row the index of the first row that is equal in these columns (n,).

    >>> group_numbers(pl.DataFrame({"shop": ["b", "a", "b", None]}), ["shop"]).tolist()
    [0, 1, 0, 3]
    """
    places = pl.Series(_PLACE, np.arange(table.height))
    first = table.select(*names).with_columns(places).select(pl.col(_PLACE).min().over(*names))
    return np.asarray(first[_PLACE].to_numpy(), dtype=np.int64)


def rows_together(table: pl.DataFrame, schema: Schema) -> Rows | None:
    """Number the rows that are equal in all inputs, or return None where no input is text.

    A text seen twice is a copy; numbers and categories repeat by themselves.
    """
    if all(column.kind != "text" for column in schema.signature.inputs):
        return None
    return group_numbers(table, schema.signature.names)


def whole_groups(groups: Rows, *, share: float, seed: int) -> NDArray[np.bool_]:
    """Mark about `share` of the rows (n,), never a part of a group.

    Raises:
        DataError: there is one group only.

    >>> whole_groups(np.array([7, 7, 7, 8, 8, 9]), share=0.5, seed=0).sum()
    np.int64(3)
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise DataError(
            "all rows are of one group, so no group can be kept apart",
            hint="name another column in --split group:COLUMN",
        )
    chosen = np.zeros(len(sizes), dtype=bool)
    room = share * len(groups)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= room:
            chosen[group] = True
            room -= sizes[group]
    if not chosen.any():
        chosen[sizes.argmin()] = True
    elif chosen.all():
        chosen[sizes.argmax()] = False
    return np.asarray(chosen[member])


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


def _at_random(
    rows: pl.DataFrame, schema: Schema, *, share: float, seed: int
) -> tuple[NDArray[np.bool_], str]:
    strata = _strata(rows, schema)
    how = f"at random, {'stratified by class, ' if strata.any() else ''}seed {seed}"
    together = rows_together(rows, schema)
    if together is None:
        return stratified(strata, share=share, seed=seed), how
    first, member = np.unique(together, return_inverse=True)
    return stratified(strata[first], share=share, seed=seed)[member], f"{how}, copies together"


def _check_classes(codes: NDArray[Any], held: NDArray[np.bool_], schema: Schema, how: str) -> None:
    """Refuse a side that has one class only."""
    for side, name in ((~held, "training rows hold"), (held, "holdout holds")):
        if len(np.unique(codes[side])) < 2:
            raise DataError(
                f"split {how}, the {name} one class of {schema.signature.target!r} only",
                hint="give more rows, a larger model.holdout, or divide them another way, with "
                "--split",
            )


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
