"""Which labelled rows train the challenger, and which newer ones judge it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlwright.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled production rows, divided by time: `recent` may train, `judging` may only judge."""

    recent: pl.DataFrame
    judging: pl.DataFrame
    left_out: int


def divide(labelled: pl.DataFrame, *, newest_share: float, minimum: int) -> Rows:
    """Keep the newest rows for judging; train on the older ones.

    A row serves one decision. Where rows carry a routing key, a key that judges does not train
    either: the same customer on both sides would be a leak. Those rows are counted in `left_out`.

    Args:
        labelled: rows with the columns `time` (seconds) and `key` (null where there was none).
        newest_share: the share of rows that judges.
        minimum: the fewest rows that may judge.

    Raises:
        DataError: there are too few rows for a verdict.
    """
    judging_rows = max(round(labelled.height * newest_share), minimum)
    if labelled.height - judging_rows < minimum:
        raise DataError(
            f"{labelled.height:,} labelled rows are not enough to retrain: {minimum:,} must judge "
            f"and as many must train",
            hint="add labels with mlwright monitor label, or widen --since",
        )
    ordered = labelled.sort("time", "request_id")
    older, judging = ordered.head(-judging_rows), ordered.tail(judging_rows)
    judging_keys = judging["key"].drop_nulls().unique()
    recent = older.filter(~pl.col("key").is_in(judging_keys.implode()).fill_null(False))
    return Rows(recent, judging, older.height - recent.height)


def history_weight(recent: int, history: int) -> float:
    """Return the weight of a row of history, when a recent row weighs 1.

    History as a whole never outweighs the recent rows, however long it is: what is asked for is a
    model of now, which history steadies.

    >>> history_weight(1000, 4000)
    0.25
    >>> history_weight(1000, 500)
    1.0
    """
    return min(1.0, recent / history) if history else 1.0
