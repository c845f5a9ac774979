"""Make a profile of columns, on edges of its own or on those of a reference."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.errors import DataError
from mlwright.core.signature import Kind, Signature

from .count import MOST_CATEGORIES as MOST_CATEGORIES
from .count import MOST_EDGES as MOST_EDGES
from .count import categories, numbers
from .profile import CategoryProfile, ColumnProfile, NumberProfile, Profile

Array = NDArray[Any]


def profile(
    columns: Mapping[str, Array],
    signature: Signature,
    *,
    scores: Array | None = None,
    like: Profile | None = None,
) -> Profile:
    """Return the profile of a table's columns.

    Columns as `data.schema.columns` gives them: numbers float64 with NaN, categories and texts
    objects (str or None), booleans float64 0/1 with NaN. Of a text its length is counted. Scores of
    rows the model did not learn from: 1-D, or (n, classes). `like` is the reference whose edges
    and categories are to be used.

    Raises:
        DataError: a column of the signature is missing, or the reference has other columns.

    >>> from mlwright.core.signature import Column
    >>> signature = Signature((Column("age", "number"),), "regression", "pay")
    >>> made = profile({"age": np.array([30.0, 40.0, np.nan])}, signature)
    >>> made.rows, made.columns["age"].nulls, made.columns["age"].mean
    (3, 1, 35.0)
    """
    _check_names(columns, signature, like)
    made = {
        column.name: _column(
            columns[column.name], column.kind, like.columns[column.name] if like else None
        )
        for column in signature.inputs
    }
    score = None
    if scores is not None:
        score = score_profile(np.asarray(scores), signature, like.score if like else None)
    rows = len(columns[signature.inputs[0].name]) if signature.inputs else 0
    return Profile(made, rows, score)


def _check_names(columns: Mapping[str, Array], signature: Signature, like: Profile | None) -> None:
    missing = [name for name in signature.names if name not in columns]
    if missing:
        raise DataError(f"no column {', '.join(map(repr, missing))} to profile")
    if like and (strange := set(signature.names) ^ like.columns.keys()):
        names = ", ".join(map(repr, sorted(strange)))
        raise DataError(
            f"the reference profile and the model differ in the columns {names}",
            hint="train the model again: its bundle brings the profile of its own columns",
        )


def _column(values: Array, kind: Kind, like: ColumnProfile | None) -> ColumnProfile:
    if kind == "number":
        return _numbers(values, like if isinstance(like, NumberProfile) else None)
    if kind == "text":
        return _numbers(_lengths(values), like if isinstance(like, NumberProfile) else None)
    names = _boolean_names(values) if kind == "boolean" else values.tolist()
    return _categories(names, like if isinstance(like, CategoryProfile) else None)


def score_profile(scores: Array, signature: Signature, like: ColumnProfile | None) -> ColumnProfile:
    """Return the profile of scores (n,) as numbers, or of the likeliest of (n, classes)."""
    if scores.ndim == 1:
        return _numbers(scores, like if isinstance(like, NumberProfile) else None)
    names = [str(label) for label in signature.classes]
    chosen = [names[index] for index in scores.argmax(axis=1).tolist()]
    return _categories(chosen, like if isinstance(like, CategoryProfile) else None)


def _numbers(values: Array, like: NumberProfile | None) -> NumberProfile:
    values = values.astype(np.float64, copy=False)
    present = values[~np.isnan(values)]
    return numbers(np.sort(present), len(values) - len(present), like=like)


def _lengths(values: Array) -> Array:
    return np.array([math.nan if text is None else float(len(text)) for text in values.tolist()])


def _boolean_names(values: Array) -> list[str | None]:
    return [None if value != value else str(bool(value)).lower() for value in values.tolist()]


def _categories(names: list[str | None], like: CategoryProfile | None) -> CategoryProfile:
    found: Counter[str | None] = Counter(names)
    nulls = found.pop(None, 0)
    return categories({n: c for n, c in found.items() if n is not None}, nulls, like=like)
