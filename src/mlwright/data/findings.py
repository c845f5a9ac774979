"""What is noticed about a table beyond the kinds of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from numpy.typing import NDArray

from mlwright.core.signature import Column, Signature, Task
from mlwright.data.columns import Finding
from mlwright.data.leakage import leaks
from mlwright.data.numbers import to_numbers

_RARE_CLASS = 0.05
_REPEATED = 0.05
_WHY_LEAK = {
    "alone": "it alone predicts nearly all",
    "more_than_the_rest": "it alone predicts far more than all the others together",
    "sum": "it is one of the numbers that add up to the target",
}


def of_target(series: pl.Series, signature: Signature) -> list[Finding]:
    """Notice rows without a target, and a class that is rare."""
    findings = []
    nulls = series.null_count()
    if nulls:
        action = f"{counted_rows(nulls)} left out"
        findings.append(Finding("target_null", signature.target, nulls / len(series), action))
    if signature.classes:
        rarest = int(series.drop_nulls().value_counts()["count"].min())  # type: ignore[arg-type]
        share = rarest / (len(series) - nulls)
        if share < _RARE_CLASS:
            action = f"kept, the rarest class has {share:.1%} of the rows"
            findings.append(Finding("imbalance", signature.target, share, action))
    return findings


def repeated_rows(table: pl.DataFrame, inputs: Iterable[Column]) -> list[Finding]:
    """Notice rows that are there more than once; a split keeps copies of a text together."""
    repeated = table.height - table.n_unique()
    if repeated < _REPEATED * table.height:
        return []
    so = "so the holdout may know their answers"
    if any(column.kind == "text" for column in inputs):
        so = "and are kept on its side of a random split"
    action = f"kept, {counted_rows(repeated)} repeat an earlier one, {so}"
    return [Finding("duplicate", None, repeated / table.height, action)]


def leaking_columns(
    values: Mapping[str, NDArray[Any]], answer: NDArray[Any], task: Task, *, drop: bool
) -> list[Finding]:
    """Notice columns (rows,) that predict better than they should, and say why."""
    end = "left out" if drop else "kept, --drop-leaks leaves it out if it is known only afterwards"
    return [
        Finding("leakage", name, leak.score, f"{_WHY_LEAK[leak.why]}; {end}")
        for name, leak in leaks(values, answer, task).items()
    ]


def infinite(table: pl.DataFrame, inputs: Iterable[Column]) -> list[Finding]:
    """Notice infinite numbers, also those written as text."""
    found = []
    for column in inputs:
        rows = _infinite_rows(table[column.name]) if column.kind == "number" else 0
        if rows:
            action = f"{counted_rows(rows)} must be mended, or left blank to count as missing"
            found.append(Finding("infinite", column.name, rows / table.height, action))
    return found


def counted_rows(count: int) -> str:
    """Write a number of rows.

    >>> counted_rows(1), counted_rows(2000)
    ('1 row', '2,000 rows')
    """
    return "1 row" if count == 1 else f"{count:,} rows"


def _infinite_rows(series: pl.Series) -> int:
    numbers = to_numbers(series)[0] if series.dtype == pl.String else series
    return int(numbers.is_infinite().sum()) if numbers.dtype.is_float() else 0
