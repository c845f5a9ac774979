"""Conditions as Weaviate's `where` filters, as JSON and as GraphQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..conditions import All, AnyOf, Compare, Condition, In, Lacks, kind
from ..records import Value
from .columns import column

TOLD, KNOWN = "told", "known"

_OPERATORS = {
    "=": "Equal",
    "!=": "NotEqual",
    "<": "LessThan",
    "<=": "LessThanEqual",
    ">": "GreaterThan",
    ">=": "GreaterThanEqual",
}
_VALUES = {"b": "valueBoolean", "n": "valueNumber", "s": "valueText"}


def told(row: Mapping[str, Value], known: Mapping[str, int]) -> list[str]:
    """Return which of the columns that are known an object has, and which it lacks."""
    return [f"{'+' if name in row else '-'}{name}" for name in known]


def where_filter(condition: Condition, known: Mapping[str, int]) -> dict[str, Any]:
    """Return a condition that `without_not` made, over the columns of a class.

    >>> where_filter(Compare("year", ">", 2000), {"n_year": 0})
    {'path': ['n_year'], 'operator': 'GreaterThan', 'valueNumber': 2000.0}
    """
    match condition:
        case All(parts):
            return _joined("And", [where_filter(part, known) for part in parts])
        case AnyOf(parts):
            return _joined("Or", [where_filter(part, known) for part in parts])
        case Lacks(field, type_):
            name = column(field, type_)
            return _lacks(name, known[name]) if name in known else _everything()
        case In(field, values):
            return where_filter(AnyOf(tuple(Compare(field, "=", v) for v in values)), known)
        case Compare(field, sign, value):
            name = column(field, kind(value))
            return _compare(name, sign, value) if name in known else _nothing()
    raise ValueError(f"{condition} is not one that without_not makes")


def graphql(where: Mapping[str, Any]) -> str:
    """Return a filter as GraphQL writes it: names and operators without quotes.

    >>> graphql({"path": ["n_year"], "operator": "GreaterThan", "valueNumber": 2000.0})
    '{path:["n_year"] operator:GreaterThan valueNumber:2000.0}'
    """
    said = []
    for name, value in where.items():
        if name == "operator":
            said.append(f"operator:{value}")
        elif name == "operands":
            said.append(f"operands:[{' '.join(map(graphql, value))}]")
        else:
            said.append(f"{name.removesuffix('Array')}:{json.dumps(value, ensure_ascii=False)}")
    return "{" + " ".join(said) + "}"


def _compare(name: str, sign: str, value: Value) -> dict[str, Any]:
    type_ = kind(value)
    given = float(value) if type_ == "n" else value
    said = {"path": [name], "operator": _OPERATORS[sign], _VALUES[type_]: given}
    return _joined("And", [said, _has(f"+{name}")]) if sign == "!=" else said


def _has(mark: str) -> dict[str, Any]:
    return {"path": [TOLD], "operator": "ContainsAny", "valueTextArray": [mark]}


def _lacks(name: str, number: int) -> dict[str, Any]:
    before = {"path": [KNOWN], "operator": "LessThanEqual", "valueInt": number}
    return _joined("Or", [_has(f"-{name}"), before])


def _everything() -> dict[str, Any]:
    return {"path": [KNOWN], "operator": "GreaterThanEqual", "valueInt": 0}


def _nothing() -> dict[str, Any]:
    return {"path": [KNOWN], "operator": "LessThan", "valueInt": 0}


def _joined(how: str, operands: list[dict[str, Any]]) -> dict[str, Any]:
    return operands[0] if len(operands) == 1 else {"operator": how, "operands": operands}
