"""What a user chose of columns and features, checked against the table before any fitting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

import numpy as np
import polars as pl

from mlwright.bundle.evaluation import Expression
from mlwright.bundle.expressions import parse
from mlwright.bundle.functions import Order, date_of, iso_dates
from mlwright.core.errors import ConfigError, did_you_mean
from mlwright.core.signature import Column, Kind, Signature
from mlwright.data.dates import as_dates
from mlwright.data.schema import Finding, Schema
from mlwright.train.choices import Choices, ColumnChoice

_NOT_OF: dict[Kind, dict[str, str]] = {
    "number": {
        "encode: ordinal": "numbers are in order as they are",
        "encode: tfidf": "numbers have no words",
    },
    "boolean": {
        "encode": "true and false are encoded as 1 and 0",
        "scale": "true and false are not scaled",
    },
    "category": {
        "impute": "a null is a category of its own",
        "scale": "categories are not scaled",
    },
    "text": {"impute": "a null has no words", "scale": "texts are not scaled"},
}


def expressions(
    signature: Signature, choices: Choices, refused: Mapping[str, str] | None = None
) -> dict[str, Expression]:
    """Return the features that `choices` derives from a model's inputs, by name.

    Raises:
        ConfigError: one cannot be read; the message names it and the place in it.
    """
    kinds = {column.name: column.kind for column in signature.inputs}
    found = {}
    for name, source in choices.features.items():
        try:
            found[name] = parse(source, kinds, refused=refused)
        except ConfigError as exc:
            raise ConfigError(f"model.features.{name}: {exc}", hint=exc.hint) from None
    return found


def written(values: Iterable[str | None]) -> Order | Literal["iso"] | None:
    """Return how these dates are written, or None when they are not dates of one kind.

    Where day-first and month-first both read every value, the one that leaves them in order is
    taken, else day-first.

    >>> written(["1/13/2011", "2/1/2011"])
    'mdy'
    """
    known = [value for value in values if value is not None]
    if all(date_of(value) for value in known):
        return "iso"
    texts = np.array(known, object)
    found: dict[Order, list[datetime]] = {}
    for order in _ORDERS:
        dates = [date_of(value) for value in iso_dates(texts, order).tolist()]
        if None not in dates:
            found[order] = [date for date in dates if date is not None]
    in_order = [order for order, dates in found.items() if dates == sorted(dates)]
    return next(iter(in_order or found), None)


_ORDERS: tuple[Order, ...] = get_args(Order)


def with_choices(schema: Schema, table: pl.DataFrame, choices: Choices) -> Schema:
    """Return the schema with the inputs that the chosen columns and features need beside its own.

    Dates that a feature reads become inputs, as text; so does text that was left out and is given
    an encoding.

    Raises:
        ConfigError: there is no such column or it is left out, the choice does not fit its kind,
            or an expression cannot be read.
    """
    schema = _with_columns(schema, table, choices)
    return _with_dates(schema, table, choices) if choices.features else schema


def _with_columns(schema: Schema, table: pl.DataFrame, choices: Choices) -> Schema:
    for name, choice in choices.columns.items():
        if name not in schema.signature.names and name not in choices.features:
            schema = _brought_in(schema, table, name, choice)
    kinds = {column.name: column.kind for column in schema.signature.inputs}
    for name, choice in choices.columns.items():
        _check_fit(name, kinds.get(name, "number"), choice)
        if choice.on_null and name in choices.features:
            raise ConfigError(
                f"model.columns.{name}.on_null: a feature has its nulls from its columns",
                hint=f"write on_null at the columns of {choices.features[name]!r}",
            )
    inputs = tuple(_with_nulls(column, choices) for column in schema.signature.inputs)
    return replace(schema, signature=replace(schema.signature, inputs=inputs))


def _with_nulls(column: Column, choices: Choices) -> Column:
    choice = choices.columns.get(column.name)
    wanted = choice and choice.on_null
    return replace(column, nullable=wanted == "impute") if wanted else column


def _brought_in(schema: Schema, table: pl.DataFrame, name: str, choice: ColumnChoice) -> Schema:
    known = schema.signature.names
    if name not in table.columns:
        raise ConfigError(
            f"model.columns.{name}: the table has no column {name!r}{did_you_mean(name, known)}",
            hint=f"the model's columns are: {', '.join(known)}",
        )
    finding = next((f for f in schema.findings if f.column == name), None)
    text = table[name].dtype == pl.String and finding is not None
    if not text or finding.kind not in ("high_cardinality", "id") or not choice.encode:  # type: ignore[union-attr]
        raise ConfigError(
            f"model.columns.{name}: the column is no input"
            + (f", for it {finding.notice().removeprefix(name).strip()}" if finding else ""),
            hint="leave it out of model.columns",
        )
    kind: Kind = "text" if choice.encode == "tfidf" else "category"
    column = Column(name, kind, nullable=table[name].null_count() > 0)
    kept = tuple(
        replace(each, action=f"kept, encode: {choice.encode}") if each is finding else each
        for each in schema.findings
    )
    return _with_input(replace(schema, findings=kept), column)


def _check_fit(name: str, kind: Kind, choice: ColumnChoice) -> None:
    for field in ("encode", "impute", "scale"):
        value = getattr(choice, field)
        why = _NOT_OF[kind].get(field) or _NOT_OF[kind].get(f"{field}: {value}")
        if value is not None and why:
            raise ConfigError(
                f"model.columns.{name}.{field}: {value} is not for a {kind} column, {why}",
                hint=f"leave model.columns.{name}.{field} out",
            )


def _with_dates(schema: Schema, table: pl.DataFrame, choices: Choices) -> Schema:
    for name in choices.features:
        if name in table.columns:
            raise ConfigError(
                f"model.features.{name}: the table has a column of that name already",
                hint="give the feature another name",
            )
    signature, refused = schema.signature, _refused(schema, table)
    dates = [name for name in table.columns if refused.get(name) == _DATES]
    wide = schema
    for name in dates:
        wide = _with_input(wide, Column(name, "text", nullable=table[name].null_count() > 0))
        del refused[name]
    found = expressions(wide.signature, choices, refused)
    used = {column for each in found.values() for column in each.columns}
    for name, each in found.items():
        _check_dates(name, each, [date for date in dates if date in each.columns], table)
    inputs = tuple(
        column for column in wide.signature.inputs if column.name not in set(dates) - used
    )
    findings = tuple(
        replace(f, action="an input of model.features") if f.column in used & set(dates) else f
        for f in schema.findings
    )
    return replace(schema, signature=replace(signature, inputs=inputs), findings=findings)


_DATES = "it holds dates"


def _refused(schema: Schema, table: pl.DataFrame) -> dict[str, str]:
    """Return why each column that is no input may not be used."""
    signature = schema.signature
    reasons = {name: "it is no input" for name in table.columns if name not in signature.names}
    reasons |= {f.column: _reason(f, table) for f in schema.findings if f.column in reasons}
    return {**reasons, signature.target: "it is what is predicted"}


def _reason(finding: Finding, table: pl.DataFrame) -> str:
    name = str(finding.column)
    if finding.kind == "date" and as_dates(table[name]) is not None:
        return _DATES
    return f"it {finding.notice().removeprefix(name).strip()}"


def _check_dates(name: str, expression: Expression, dates: list[str], table: pl.DataFrame) -> None:
    for date in dates:
        if date not in expression.dates:
            raise ConfigError(
                f"model.features.{name}: column {date!r} holds dates, which it does not read",
                hint=f"use it in year({date}), month, day, weekday, hour or days_between",
            )
        if written(table[date].cast(pl.String).to_list()) is None:
            raise ConfigError(
                f"model.features.{name}: the dates of column {date!r} are not all written in one "
                "way that can be read",
                hint="write them as 2011-01-31 or 2011-01-31T23:59:00",
            )


def _with_input(schema: Schema, column: Column) -> Schema:
    signature = schema.signature
    return replace(schema, signature=replace(signature, inputs=(*signature.inputs, column)))
