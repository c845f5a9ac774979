"""Fields and filters for stores whose language is `{"field": {"$gte": 1}}`: Chroma, Pinecone.

Beside each field stands its type, under `~field`: so that "not there" can be asked for, and a
comparison never meets a value of another type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlwright.core.errors import ConfigError

from ..conditions import All, AnyOf, Compare, Condition, In, Lacks, fields, kind
from ..records import Chunk, Value

_SIGNS = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs: the store's name, and whether `$ne` finds what lacks the field.

    Where that is not documented, `$exists` is asked for beside it.
    """

    store: str
    ne_finds_missing: bool


def flat(chunk: Chunk) -> dict[str, Value]:
    """Return the fields of a chunk and their types; numbers are floats, as comparing needs them."""
    told = fields(chunk)
    types = {f"~{name}": kind(value) for name, value in told.items()}
    return {name: _comparable(value) for name, value in told.items()} | types


def dollar(condition: Condition, dialect: Dialect) -> dict[str, Any]:
    """Return the condition, which `without_not` made, in the store's language.

    Raises:
        ConfigError: it asks for the order of texts, which these stores do not know.
    """
    match condition:
        case All(parts):
            return _joined("$and", [dollar(part, dialect) for part in parts])
        case AnyOf(parts):
            return _joined("$or", [dollar(part, dialect) for part in parts])
        case Lacks(field, type_):
            other = {f"~{field}": {"$ne": type_}}
            if dialect.ne_finds_missing:
                return other
            return {"$or": [{f"~{field}": {"$exists": False}}, other]}
        case In(field, values):
            if kind(values[0]) == "b":
                return _joined("$or", [{field: {"$eq": value}} for value in values])
            return {field: {"$in": [_comparable(value) for value in values]}}
        case Compare(field, sign, value):
            return _compare(field, sign, value, dialect.store)
    raise ValueError(f"{condition} is not one that without_not makes")


def _compare(field: str, sign: str, value: Value, store: str) -> dict[str, Any]:
    if kind(value) != "n" and sign not in ("=", "!="):
        raise ConfigError(
            f"filter: {store} compares only numbers by {sign}, and {field} is compared with text",
            hint="use = or in, or keep the field as a number, such as 20260131 for a date",
        )
    said = {field: {_SIGNS[sign]: _comparable(value)}}
    if sign == "!=":
        return {"$and": [said, {f"~{field}": {"$eq": kind(value)}}]}
    return said


def _joined(how: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {how: parts}


def _comparable(value: Value) -> Value:
    return float(value) if kind(value) == "n" else value
