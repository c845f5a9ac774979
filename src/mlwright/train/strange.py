"""What rows hold that a model was not trained to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import Plan
from mlwright.bundle.steps import OneHotStep, OrdinalStep, TargetStep, as_categories
from mlwright.core.signature import Signature

_LISTED = 5


def strange(
    columns: Mapping[str, NDArray[Any]], signature: Signature, plan: Plan
) -> tuple[str, ...]:
    """Say which columns (rows,) lack values, or hold categories that training did not see.

    A name is a column's, and a value is never told.
    """
    rows = len(next(iter(columns.values())))
    found = [
        f"{column.name} is null in {absent:,} of {rows:,} rows: it never was in training, and a "
        "server refuses such rows"
        for column in signature.inputs
        if (absent := _absent(columns[column.name])) and not column.nullable
    ]
    found += [
        f"{column.name} has no value in any row"
        for column in signature.inputs
        if column.nullable and _absent(columns[column.name]) == rows
    ]
    unseen = {
        step.column: _unseen(step, columns[step.column])
        for step in plan.steps
        if isinstance(step, OneHotStep | OrdinalStep | TargetStep) and step.column in columns
    }
    found += [
        f"{name} holds categories that training did not see, in {count:,} of {rows:,} rows: the "
        "model knows nothing of them"
        for name, count in unseen.items()
        if count
    ]
    more = len(found) - _LISTED
    return (*found[:_LISTED], *([f"{more} more columns are like these"] if more > 0 else []))


def _absent(values: NDArray[Any]) -> int:
    if values.dtype == object:
        return sum(value is None for value in values)
    return int(np.isnan(values).sum())


def _unseen(step: OneHotStep | OrdinalStep | TargetStep, values: NDArray[Any]) -> int:
    known = {None, *step.categories}
    return sum(category not in known for category in as_categories(values))
