"""What a table holds: infer its schema, and bring other tables into the same form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.errors import DataError, SignatureError, did_you_mean
from mlwright.core.signature import Column, Kind, Signature
from mlwright.data.columns import Finding, judge
from mlwright.data.dates import as_dates
from mlwright.data.findings import counted_rows, infinite, leaking_columns, of_target, repeated_rows
from mlwright.data.numbers import to_numbers
from mlwright.data.target import (
    Asked,
    as_labels,
    classes_of,
    infer_task,
    target_codes,
    target_series,
)

__all__ = ["Finding", "Schema", "columns", "conform", "infer", "target_codes"]

_FEWEST_ROWS = 20
_FEWEST_DATES = 10
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Schema:
    """The signature of the model to be, the column that orders rows in time, what was noticed."""

    signature: Signature
    date_column: str | None
    findings: tuple[Finding, ...]


def infer(
    table: pl.DataFrame,
    target: str,
    *,
    task: Asked = None,
    aside: Collection[str] = (),
    unavailable: Collection[str] = (),
    known_before: Collection[str] = (),
    drop_leaks: bool = False,
) -> Schema:
    """Find out inputs, task, classes and the date column, and say what was noticed.

    Rows without a target are not looked at. Ids, constants, columns without values, repeated
    columns, dates and nested values are left out of the inputs, each with a finding; numbers
    written as text are inputs.

    Args:
        table: the rows.
        target: the column to predict.
        task: what kind of target it is, when it should not be found out.
        aside: columns with another duty, which are no inputs.
        unavailable: columns that are only known afterwards, and are left out for that.
        known_before: columns that are no leaks, however well they predict.
        drop_leaks: leave leaking columns out, instead of naming them only.

    Raises:
        DataError: no such target, one class, too few rows, or no usable column.

    >>> table = pl.DataFrame({"age": [*range(30, 70, 2)], "left": ["Yes", "No"] * 10})
    >>> infer(table, "left").signature.positive
    'Yes'
    """
    series = target_series(table, target)
    known = table.filter(series.is_not_null())
    if known.height < _FEWEST_ROWS:
        raise DataError(
            f"the table has {known.height} rows with a target, training needs at least "
            f"{_FEWEST_ROWS}",
            hint="give more rows",
        )
    filled = series.drop_nulls()
    found = infer_task(filled, task)
    inputs, findings = _inputs(known.drop(target, *aside, *unavailable))
    findings += [Finding("unavailable", name, 1.0, "left out") for name in unavailable]
    findings += infinite(known, inputs)
    _require_inputs(inputs, target, findings)
    signature = Signature(tuple(inputs), found, target, classes_of(filled, found))
    leaking = [
        finding
        for finding in _leaks(known, signature, findings, drop=drop_leaks)
        if finding.column not in known_before
    ]
    if drop_leaks:
        names = {finding.column for finding in leaking}
        kept = tuple(column for column in inputs if column.name not in names)
        _require_inputs(kept, target, [*findings, *leaking])
        signature = replace(signature, inputs=kept)
    noticed = [*of_target(series, signature), *findings, *repeated_rows(known, inputs), *leaking]
    return Schema(signature, _date_column(known, findings), tuple(noticed))


def _require_inputs(inputs: Collection[Column], target: str, findings: Iterable[Finding]) -> None:
    if not inputs:
        said = [finding.notice() for finding in findings]
        if len(said) > _LISTED:
            said = [*said[:_LISTED], f"and {len(said) - _LISTED} more"]
        raise DataError(
            f"the table has no column to learn from beside the target {target!r}"
            + (f" ({'; '.join(said)})" if said else ""),
            hint="give a table with at least one numeric or categorical column",
        )


def conform(table: pl.DataFrame, signature: Signature, *, target: bool) -> pl.DataFrame:
    """Return the signature's columns in its order, in the types that a model takes.

    Numbers become Float64 (text is read, blanks are null), categories and texts String (dates in
    ISO form), booleans Boolean; with `target`, the target's column stands last, as it was given.

    Raises:
        SignatureError: columns are missing or hold what does not fit; all are named.
        DataError: the target is missing.
    """
    others = [n for n in table.columns if n not in signature.names and n != signature.target]
    problems = {
        name: f"is missing{did_you_mean(name, others)}"
        for name in signature.names
        if name not in table.columns
    }
    fitted: list[pl.Series] = []
    for column in signature.inputs:
        if column.name not in problems:
            series, problem = FITTERS[column.kind](table[column.name])
            fitted.append(series)
            if problem:
                problems[column.name] = problem
    if problems:
        lacks = any(name not in table.columns for name in problems)
        takes = f"the model takes the columns {', '.join(signature.names)}"
        raise SignatureError(problems, hint=takes if lacks else "mend these values in the table")
    if target:
        fitted.append(target_series(table, signature.target))
    return pl.DataFrame(fitted)


def columns(table: pl.DataFrame, signature: Signature) -> dict[str, NDArray[Any]]:
    """Return the inputs as arrays (rows,), the form that a plan encodes.

    Numbers are float64 with NaN for null, categories and texts objects (str or None), booleans
    float64 0, 1 or NaN.

    Raises:
        SignatureError: as `conform`.
    """
    fitted = conform(table, signature, target=False)
    return {column.name: _array(fitted[column.name], column) for column in signature.inputs}


def _array(series: pl.Series, column: Column) -> NDArray[Any]:
    if column.kind in ("category", "text"):
        values = np.empty(len(series), dtype=object)
        values[:] = series.to_list()
        return values
    numbers = series.cast(pl.Float64).fill_null(float("nan"))
    return np.array(numbers.to_numpy(), dtype=np.float64)


Fitted = tuple[pl.Series, str]


def _as_number(series: pl.Series) -> Fitted:
    if series.dtype == pl.Null or series.dtype.is_numeric() or series.dtype == pl.Boolean:
        numbers, wrong = series.cast(pl.Float64), 0
    elif series.dtype in (pl.String, pl.Categorical, pl.Enum):
        numbers, wrong = to_numbers(series.cast(pl.String))
    else:
        return series, f"holds {series.dtype}, not numbers"
    numbers = numbers.fill_nan(None)
    infinite = int(numbers.is_infinite().sum())
    if infinite:
        return numbers, f"is infinite in {counted_rows(infinite)}"
    return numbers, f"is text that is not a number in {counted_rows(wrong)}" if wrong else ""


def _as_category(series: pl.Series) -> Fitted:
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        return series, f"holds {series.dtype}, not categories"
    if series.dtype.is_float():
        series = as_labels(series.fill_nan(None))
    return series.cast(pl.String), ""


def _as_boolean(series: pl.Series) -> Fitted:
    if series.dtype in (pl.Boolean, pl.Null):
        return series.cast(pl.Boolean), ""
    text = as_labels(series).cast(pl.String).str.strip_chars().str.to_lowercase()
    words = {"true": True, "1": True, "false": False, "0": False}
    read = text.replace_strict(words, default=None, return_dtype=pl.Boolean)
    wrong = read.null_count() - int((text.is_null() | (text == "")).sum())
    return read, f"is neither true nor false in {counted_rows(wrong)}" if wrong else ""


FITTERS: dict[Kind, Callable[[pl.Series], Fitted]] = {
    "number": _as_number,
    "category": _as_category,
    "boolean": _as_boolean,
    "text": _as_category,
}


def _inputs(table: pl.DataFrame) -> tuple[list[Column], list[Finding]]:
    inputs: list[Column] = []
    findings: list[Finding] = []
    for series in table:
        judged = judge(series)
        twin = next((one.name for one in inputs if series.equals(table[one.name])), None)
        if judged.column is not None and twin is not None:
            findings.append(Finding("duplicate", series.name, 1.0, f"left out, {twin} is kept"))
            continue
        if judged.column is not None:
            inputs.append(judged.column)
        if judged.finding is not None:
            findings.append(judged.finding)
    return inputs, findings


def _leaks(
    table: pl.DataFrame, signature: Signature, findings: Collection[Finding], *, drop: bool
) -> list[Finding]:
    """Look for leaks among the columns that can be read."""
    unread = {finding.column for finding in findings if finding.kind == "infinite"}
    readable = tuple(column for column in signature.inputs if column.name not in unread)
    values = columns(table, replace(signature, inputs=readable))
    answer = target_codes(table, signature)
    return leaking_columns(values, answer, signature.task, drop=drop)


def _date_column(table: pl.DataFrame, findings: list[Finding]) -> str | None:
    """Return the date column without nulls that has the most different values."""
    names = [finding.column for finding in findings if finding.kind == "date" and finding.column]
    counts = {
        name: table[name].n_unique()
        for name in names
        if table[name].null_count() == 0 and as_dates(table[name]) is not None
    }
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] >= _FEWEST_DATES else None
