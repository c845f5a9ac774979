"""Conditions on the fields of a chunk: what a filter means, whatever store it is asked of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .records import Chunk, Value

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against one value."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """A field against a list of values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Lacks:
    """The field is not there, or is of another type; what `without_not` makes, nobody writes."""

    field: str
    kind: str


Condition = Compare | In | All | AnyOf | Not | Lacks


def fields(chunk: Chunk) -> dict[str, Value]:
    """Return what a filter can ask of a chunk."""
    own: dict[str, Value] = {
        "source": chunk.source,
        "title": chunk.title,
        "document": chunk.document,
    }
    if chunk.page is not None:
        own["page"] = chunk.page
    return {**chunk.metadata, **own}


def matches(condition: Condition, values: Mapping[str, Value]) -> bool:
    """Return whether the fields of a chunk satisfy the condition.

    >>> matches(Not(Compare("lang", "=", "de")), {"year": 2001, "lang": "en"})
    True
    """
    match condition:
        case All(parts):
            return all(matches(part, values) for part in parts)
        case AnyOf(parts):
            return any(matches(part, values) for part in parts)
        case Not(part):
            return not matches(part, values)
        case In(field, options):
            return any(_compare(values.get(field), "=", option) for option in options)
        case Compare(field, sign, value):
            return _compare(values.get(field), sign, value)
        case Lacks(field, type_):
            return field not in values or kind(values[field]) != type_


def without_not(condition: Condition) -> Condition:
    """Return an equal condition of All, AnyOf, Compare, In of one type, and Lacks alone.

    Stores differ in what their "not" does to a chunk without the field; this one leaves no doubt.
    """
    match condition:
        case All(parts):
            return All(tuple(map(without_not, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(without_not, parts)))
        case In(field, values):
            kinds = sorted(set(map(kind, values)))
            parts = tuple(In(field, tuple(v for v in values if kind(v) == k)) for k in kinds)
            return parts[0] if len(parts) == 1 else AnyOf(parts)
        case Not(part):
            return _negated(part)
        case _:
            return condition


def _negated(condition: Condition) -> Condition:
    match condition:
        case All(parts):
            return AnyOf(tuple(map(_negated, parts)))
        case AnyOf(parts):
            return All(tuple(map(_negated, parts)))
        case Not(part):
            return without_not(part)
        case In(field, values):
            return All(tuple(_negated(Compare(field, "=", value)) for value in values))
        case Compare(field, sign, value):
            return AnyOf((Compare(field, OPPOSITE[sign], value), Lacks(field, kind(value))))
        case Lacks():
            raise ValueError("what has no 'not' in it is not turned round")


def kind(value: Value) -> str:
    """Return the type that a value is compared within: b, n or s.

    >>> kind(True), kind(1.5), kind("x")
    ('b', 'n', 's')
    """
    return "b" if isinstance(value, bool) else "n" if isinstance(value, int | float) else "s"


def _compare(found: Value | None, sign: str, value: Value) -> bool:
    return found is not None and kind(found) == kind(value) and COMPARISONS[sign](found, value)
