"""Fit the encoding of a table's columns: scaled and one-hot for linear models, ordered for trees.

A plan is fitted on training rows alone; what it does to a row is `bundle.plan`'s duty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.evaluation import Expression
from mlwright.bundle.functions import Order
from mlwright.bundle.plan import (
    BooleanStep,
    Derived,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Plan,
    Step,
    TargetStep,
)
from mlwright.bundle.steps import UNSEEN
from mlwright.core.errors import DataError
from mlwright.core.signature import Column, Signature
from mlwright.train import encoders
from mlwright.train.choices import PLAIN, Choices, ColumnChoice, Encode, Impute
from mlwright.train.derive import expressions, written
from mlwright.train.texts import tokens

Style = Literal["linear", "trees", "constant", "tokens"]
FloatArray = NDArray[np.float64]

_MOST_TERMS: dict[Style, int] = {"linear": 5000, "trees": 2000}
_FEW_CATEGORIES, _MANY_CATEGORIES = 20, 100
_FEWEST_ROWS_A_CATEGORY = 15
"""Below, the order of the categories by their means says more of single rows than of categories."""

_CHOSEN_FOR_ALL = ColumnChoice()


def fit_plan(
    columns: Mapping[str, NDArray[Any]],
    signature: Signature,
    *,
    style: Style,
    target: NDArray[Any] | None = None,
    choices: Choices = PLAIN,
) -> Plan:
    """Return the plan that encodes these columns, and those that `choices.features` derives.

    What `choices.columns` leaves open is chosen from a column's kind. Linear: a number is filled
    with its median, centred and scaled; a category becomes one column for each of its 100 most
    frequent values, null among them. Trees: a number stays as it is; a category becomes its place
    in an order, by its mean target when `target` (n,) is given (then one split finds the best of
    all divisions, Fisher 1958), else by name; of more than 100 values, its smoothed mean target
    itself (Micci-Barreca 2001). A text becomes the weights of its most frequent words and pairs.

    Constant: no features. Tokens: the texts alone, as the tokens of the transformer
    `choices.base`, each with its share of `choices.max_tokens`.

    Training rows are encoded by `encode_training`, which keeps their own targets from them.

    Raises:
        DataError: the columns make no feature.

    >>> from mlwright.core.signature import Column, Signature
    >>> signature = Signature((Column("size", "category"),), "regression", "price")
    >>> sizes = np.array(["small", "large", "small"], dtype=object)
    >>> fit_plan({"size": sizes}, signature, style="linear").features
    ('size=small', 'size=large')
    """
    if style == "constant":
        return Plan(())
    if style == "tokens":
        return Plan(tokens(columns, signature, choices))
    found = expressions(signature, choices)
    orders = _orders(found.values(), columns)
    derived = tuple(
        Derived(name, replace(each, orders={c: orders[c] for c in each.dates if c in orders}))
        for name, each in found.items()
    )
    given = Plan((), derived).complete(columns)
    dates = {name for each in found.values() for name in each.dates} - choices.columns.keys()
    towards = None if target is None else encoders.directions(target, signature)
    inputs = [
        *(column for column in signature.inputs if column.name not in dates),
        *(Column(name, "number", nullable=True) for name in found),
    ]
    steps = [
        _step(column, given[column.name], style, towards, _choice(choices, column.name))
        for column in inputs
    ]
    plan = Plan(tuple(steps), derived)
    if not plan.features:
        raise DataError(
            "the columns make no feature, for their texts hold no words",
            hint="give a table with further columns",
        )
    return plan


def encode_training(
    plan: Plan, columns: Mapping[str, NDArray[Any]], target: NDArray[Any], signature: Signature
) -> FloatArray:
    """Return the matrix, (n, features), of the rows that the plan was fitted on.

    As `Plan.encode`, but the mean target of a row's category is taken over other rows.
    """
    given = plan.complete(columns)
    matrix, place = plan.encode(given), 0
    towards = encoders.directions(target, signature)
    for step in plan.steps:
        width = len(step.features)
        if isinstance(step, TargetStep):
            unseen = encoders.unseen_means(step, given[step.column], towards)
            matrix[:, place : place + width] = unseen
        place += width
    return matrix


def _orders(found: Iterable[Expression], columns: Mapping[str, NDArray[Any]]) -> dict[str, Order]:
    """Return how the columns of dates are written that are not in ISO form."""
    dates = {name for each in found for name in each.dates}
    ways = {name: written(columns[name].tolist()) for name in dates}
    return {name: way for name, way in ways.items() if way == "dmy" or way == "mdy"}


def _choice(choices: Choices, name: str) -> ColumnChoice:
    return choices.columns.get(name, _CHOSEN_FOR_ALL)


def _step(
    column: Column,
    values: NDArray[Any],
    style: Style,
    towards: FloatArray | None,
    choice: ColumnChoice,
) -> Step:
    name, encode = column.name, choice.encode or _usual(column, values, style, towards)
    if choice.on_null == "impute" and not choice.impute and not _has_null(values):
        # Trees have learned no way for a null that they never saw.
        choice = replace(choice, impute="median")
    if encode == "tfidf":
        return encoders.words(name, values, _MOST_TERMS[style])
    if encode == "one_hot":
        return OneHotStep(name, encoders.frequent(values))
    if encode == "target" and towards is not None:
        return encoders.by_target(name, values, towards)
    if encode is not None:
        # A linear model has no use for NaN.
        null = UNSEEN if style == "linear" else None
        return OrdinalStep(name, encoders.ordered(values, towards), null)
    if column.kind == "boolean":
        return BooleanStep(name, _fill(values, choice.impute, style, boolean=True))
    return _number(name, values, style, choice)


def _has_null(values: NDArray[Any]) -> bool:
    return bool((values != values).any()) if values.dtype != object else None in values.tolist()


def _usual(
    column: Column, values: NDArray[Any], style: Style, towards: FloatArray | None
) -> Encode | None:
    if column.kind == "text":
        return "tfidf"
    if column.kind != "category":
        return None
    if style == "linear":
        return "one_hot"
    count = len(set(values.tolist()))
    thin = count > _FEW_CATEGORIES and count * _FEWEST_ROWS_A_CATEGORY > len(values)
    many = count > _MANY_CATEGORIES or thin
    return "target" if many and towards is not None else "ordinal"


def _number(name: str, values: FloatArray, style: Style, choice: ColumnChoice) -> NumberStep:
    fill = _fill(values, choice.impute, style)
    if (choice.scale or ("standard" if style == "linear" else "none")) == "none":
        return NumberStep(name, fill)
    known = values[~np.isnan(values)] if fill is None else np.where(np.isnan(values), fill, values)
    spread = float(known.std()) if len(known) else 0.0
    center = float(known.mean()) if len(known) else 0.0
    return NumberStep(name, fill, center, spread if spread > 0 else 1.0)


def _fill(
    values: FloatArray, impute: Impute | None, style: Style, *, boolean: bool = False
) -> float | None:
    """Return what stands for null, or None to leave it; linear models cannot have it left."""
    if style == "trees" and impute in (None, "none"):
        return None
    known = values[~np.isnan(values)]
    if impute == "zero" or not len(known):
        return 0.0
    if impute == "mean":
        return float(known.mean())
    return float(known.mean() > 0.5) if boolean else float(np.median(known))
