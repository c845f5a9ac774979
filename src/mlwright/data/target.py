"""What is predicted: the task, its classes, and the target as numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlwright.core.errors import DataError, did_you_mean
from mlwright.core.signature import Label, Signature, Task
from mlwright.data.numbers import as_numbers

Asked = Task | Literal["classification"] | None

_POSITIVE = {
    *("yes", "y", "true", "t", "1", "positive", "pos", "churn", "churned", "default", "defaulted"),
    *("fail", "failed", "failure", "fraud", "spam"),
}
_MOST_CLASSES_OF_NUMBERS = 10
_MOST_CLASSES = 100


def target_series(table: pl.DataFrame, target: str) -> pl.Series:
    """Return the target column, blank text as null, numeric text with many values as numbers.

    Raises:
        DataError: there is no such column, or it has no values.
    """
    if target not in table.columns:
        raise DataError(
            f"the table has no column {target!r}{did_you_mean(target, table.columns)}",
            hint=f"name the column to predict, one of: {_listed(table.columns)}",
        )
    series = _plain(table[target])
    if series.null_count() == len(series):
        raise DataError(f"the target {target!r} has no values", hint="name a column that is filled")
    return series


def labelled_rows(table: pl.DataFrame, target: str) -> NDArray[np.int64]:
    """Return the indices of the rows that have a target.

    Raises:
        DataError: there is no such column, or it has no values.
    """
    return np.flatnonzero(target_series(table, target).is_not_null().to_numpy())


def infer_task(series: pl.Series, asked: Asked) -> Task:
    """Return the task for a target without nulls: what was asked, or what its values say.

    Text, booleans and at most 10 different whole numbers are classes.

    Raises:
        DataError: one class only, too many classes, or text where numbers are needed.
    """
    values = series.n_unique()
    if values < 2:
        raise DataError(
            f"the target {series.name!r} has only one value, so there is nothing to learn",
            hint="give rows of at least two classes, or another target",
        )
    numeric = series.dtype.is_numeric()
    if asked == "regression" and not numeric:
        raise DataError(
            f"the target {series.name!r} is not a number, which regression needs",
            hint="leave the task to be found out, or give a numeric target",
        )
    few = not numeric or (_whole(series) and values <= _MOST_CLASSES_OF_NUMBERS)
    if asked == "regression" or (asked is None and not few):
        return "regression"
    if values > _MOST_CLASSES:
        raise DataError(
            f"the target {series.name!r} has {values:,} different values, too many for classes "
            f"(at most {_MOST_CLASSES})",
            hint="give a target with fewer classes, or a numeric one for regression",
        )
    if asked == "binary" and values > 2:
        raise DataError(
            f"the target {series.name!r} has {values} classes, a binary task needs 2",
            hint="leave the task to be found out",
        )
    return "binary" if values == 2 else "multiclass"


def classes_of(series: pl.Series, task: Task) -> tuple[Label, ...]:
    """Return the labels in the order of the model's probabilities, a positive class last.

    The positive one of two is the conventional one (yes, true, 1, churned and the like), else
    the rarer.

    Raises:
        DataError: a class has a single row.

    >>> classes_of(pl.Series(["Yes", "No", "No", "Yes"]), "binary")
    ('No', 'Yes')
    """
    if task == "regression":
        return ()
    counts = as_labels(series).value_counts(sort=True)
    labels: list[Label] = counts[:, 0].to_list()
    rarest = int(counts[-1, 1])
    if rarest < 2:
        raise DataError(
            f"the target {series.name!r} has a class with a single row",
            hint="leave out classes with fewer than two rows, or join them",
        )
    if task == "multiclass":
        return tuple(sorted(labels, key=lambda label: (str(type(label)), label)))
    conventional = [label for label in labels if str(label).strip().lower() in _POSITIVE]
    if len(conventional) == 1:
        positive = conventional[0]
    elif int(counts[0, 1]) == rarest:
        positive = max(labels, key=str)
    else:
        positive = labels[-1]
    return next(label for label in labels if label != positive), positive


def as_labels(series: pl.Series) -> pl.Series:
    """Return a column of classes with whole numbers as integers, all else as it is."""
    return series.cast(pl.Int64) if series.dtype.is_numeric() and _whole(series) else series


def target_codes(table: pl.DataFrame, signature: Signature) -> NDArray[Any]:
    """Return the target (n,): 0/1 or the class index (int64), or the value (float64).

    Raises:
        DataError: the target is missing, has nulls, or holds what the model does not know.
    """
    series = target_series(table, signature.target)
    if series.null_count():
        raise DataError(
            f"the target {signature.target!r} is null in {series.null_count():,} rows",
            hint="leave out rows without a target",
        )
    if signature.task == "regression":
        return _numbers(series)
    # Compared as text, so that labels read from a log (text) match those of the table (numbers).
    known = {as_text(label): code for code, label in enumerate(signature.classes)}
    codes = as_labels(series).cast(pl.String).replace_strict(known, default=-1)
    unknown = int((codes == -1).sum())
    if unknown:
        raise DataError(
            f"the target {signature.target!r} holds a class that the model does not know, in "
            f"{unknown:,} of {len(series):,} rows",
            hint=f"the known classes are: {_listed([str(label) for label in signature.classes])}",
        )
    return np.asarray(codes.to_numpy(), dtype=np.int64)


def as_text(label: Label) -> str:
    """Return a label as a log or a file spells it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _numbers(series: pl.Series) -> NDArray[np.float64]:
    numbers = series if series.dtype.is_numeric() else as_numbers(series)
    values = None if numbers is None else numbers.cast(pl.Float64)
    if values is None or values.null_count() or not values.is_finite().all():
        raise DataError(
            f"the target {series.name!r} holds values that are not finite numbers",
            hint="leave out or mend those rows",
        )
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _plain(series: pl.Series) -> pl.Series:
    if series.dtype.is_float():
        return series.fill_nan(None)
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype != pl.String:
        return series
    text = series.str.strip_chars()
    filled = text.set(text == "", None)
    numbers = as_numbers(filled)
    return filled if numbers is None or numbers.n_unique() <= 2 else numbers


def _whole(series: pl.Series) -> bool:
    values = series.drop_nulls().cast(pl.Float64)
    return bool((values.is_finite() & (values == values.floor())).all())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
