"""Fit the encoding of a table's columns: scaled and one-hot for linear models, ordered for trees.

A plan is fitted on training rows alone; what it does to a row is `bundle.plan`'s duty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, OrdinalStep, Plan, Step
from mlwright.core.signature import Column, Signature, Task
from mlwright.train.choices import PLAIN, Choices

Style = Literal["linear", "trees"]
FloatArray = NDArray[np.float64]

_MOST_ONE_HOT = 100
_PRIOR_ROWS = 10.0


def fit_plan(
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    *,
    style: Style,
    target: NDArray[Any] | None = None,
    choices: Choices = PLAIN,
) -> Plan:
    """Return the plan that encodes these columns.

    Linear: a number is filled with its median, centred and scaled; a category becomes one column
    for each of its 100 most frequent values, null among them. Trees: a number stays as it is; a
    category becomes its place in an order, by its mean target when `target` (n,) is given (then
    one split finds the best of all divisions, Fisher 1958), else by name.

    >>> from mlwright.core.signature import Column, Signature
    >>> signature = Signature((Column("size", "category"),), "regression", "price")
    >>> sizes = np.array(["small", "large", "small"], dtype=object)
    >>> fit_plan({"size": sizes}, signature, style="linear").features
    ('size=small', 'size=large')
    """
    order = None if target is None else _directions(target, signature.task)
    steps = [_step(column, columns[column.name], style, order) for column in signature.inputs]
    return Plan(tuple(steps))


def _step(
    column: Column, values: NDArray[Any], style: Style, directions: FloatArray | None
) -> Step:
    if column.kind == "category":
        if style == "linear":
            return OneHotStep(column.name, _frequent(values))
        return OrdinalStep(column.name, _ordered(values, directions))
    if column.kind == "boolean":
        fill = float(np.nanmean(values) > 0.5) if style == "linear" else None
        return BooleanStep(column.name, fill)
    return NumberStep(column.name) if style == "trees" else _scaled(column.name, values)


def _scaled(name: str, values: FloatArray) -> NumberStep:
    known = values[~np.isnan(values)]
    if not len(known):
        return NumberStep(name, fill=0.0)
    middle = float(np.median(known))
    filled = np.where(np.isnan(values), middle, values)
    spread = float(filled.std())
    return NumberStep(name, middle, float(filled.mean()), spread if spread > 0 else 1.0)


def _frequent(values: NDArray[Any]) -> tuple[str | None, ...]:
    counts = Counter(values.tolist())
    ranked = sorted(counts, key=lambda value: (-counts[value], value or ""))
    return tuple(ranked[:_MOST_ONE_HOT])


def _ordered(values: NDArray[Any], directions: FloatArray | None) -> tuple[str, ...]:
    names = sorted({value for value in values.tolist() if value is not None})
    if directions is None:
        return tuple(names)
    places = {name: place for place, name in enumerate(names)}
    known = np.array([value is not None for value in values.tolist()])
    codes = np.array([places[value] for value in values[known].tolist()], dtype=np.int64)
    means = _category_means(codes, directions[known], len(names))
    line = _first_component(means, np.bincount(codes, minlength=len(names)))
    return tuple(names[place] for place in np.argsort(line, kind="stable"))


def _directions(target: NDArray[Any], task: Task) -> FloatArray:
    """Return what a category's rows are averaged over: the target, or one column a class."""
    if task == "multiclass":
        return np.eye(int(target.max()) + 1)[target.astype(np.int64)]
    return target.astype(np.float64)[:, None]


def _category_means(codes: NDArray[np.int64], directions: FloatArray, k: int) -> FloatArray:
    """Return the mean a category, drawn to the overall mean as if by ten rows of it."""
    count = np.bincount(codes, minlength=k)[:, None]
    total = np.column_stack([np.bincount(codes, column, minlength=k) for column in directions.T])
    return np.asarray((total + _PRIOR_ROWS * directions.mean(axis=0)) / (count + _PRIOR_ROWS))


def _first_component(means: FloatArray, counts: NDArray[np.int64]) -> FloatArray:
    """Return the categories on their main axis (Coppersmith, Hong and Hosking 1999)."""
    if means.shape[1] == 1:
        return means[:, 0]
    centred = means - np.average(means, axis=0, weights=counts)
    _, _, axes = np.linalg.svd(centred * np.sqrt(counts)[:, None], full_matrices=False)
    axis = axes[0] * np.sign(axes[0][np.abs(axes[0]).argmax()])
    return np.asarray(centred @ axis).round(12)
