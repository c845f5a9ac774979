"""Check rows against a signature: in C by a type made of it, and in words where that says no."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec.structs import astuple

from mlwright.bundle.row_encoding import Row, Values
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Column, Kind, Signature

_LARGEST = sys.float_info.max
_ABSENT = object()
_DRESSED = re.compile(r"[$€£¥₹,]\s?\d|\d\s?[$€£¥₹%]")
_ODD_NAME = re.compile(r"[\x00-\x1f\"\\\ud800-\udfff]")
_KINDS: dict[Kind, Any] = {
    "number": Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)],
    "category": str,
    "boolean": bool,
    "text": str,
}
_TYPES: dict[Kind, tuple[type, ...]] = {
    "number": (float, int),
    "category": (str,),
    "boolean": (bool,),
    "text": (str,),
}
_WORDS: dict[Kind, str] = {
    "number": "a number",
    "category": "text",
    "boolean": "true or false",
    "text": "text",
}


class RowCheck:
    """The check of a signature's rows; safe to call from several threads.

    >>> check = RowCheck(Signature((Column("tenure", "number"),), "regression", "price"))
    >>> check([{"tenure": 3}, {"tenure": 2.5, "colour": "red"}])
    1
    """

    def __init__(self, signature: Signature) -> None:
        self._columns = signature.inputs
        self._type = row_type(signature)

    def __call__(self, rows: Sequence[Row]) -> int:
        """Return how many unknown columns the rows hold, a column a row.

        Raises:
            SignatureError: names every column that is missing or wrong, never its values.
        """
        self.values(rows)
        return sum(map(len, rows)) - len(rows) * len(self._columns)

    def values(self, rows: Sequence[Row]) -> list[Values]:
        """Check rows, and return the values of each, in the signature's order.

        Raises:
            SignatureError: names every column that is missing or wrong, never its values.
        """
        convert, kind = msgspec.convert, self._type
        if kind is not None:
            with contextlib.suppress(msgspec.ValidationError, UnicodeError):
                return [astuple(convert(row, kind)) for row in rows]
        self._complain(rows)
        return [tuple([row[column.name] for column in self._columns]) for row in rows]

    def _complain(self, rows: Sequence[Row]) -> None:
        problems: dict[str, str] = {}
        for place, row in enumerate(rows):
            for column in self._columns:
                reason = _problem(row.get(column.name, _ABSENT), column)
                if reason and column.name not in problems:
                    problems[column.name] = f"{reason} (row {place})" if len(rows) > 1 else reason
        if problems:
            raise SignatureError(problems, hint="send every column of the model, each of its kind")


def row_type(signature: Signature) -> type[msgspec.Struct] | None:
    """Return the type of one row, into which msgspec decodes or converts strictly.

    A number is an int or a finite float, never a bool or text; a null is taken where the column
    takes one; unknown columns are passed over. Its fields are in the signature's order, so
    `msgspec.structs.astuple` gives the row's values. None: a name holds a quote, a backslash or a
    control character, which no type of msgspec's can have.
    """
    if any(map(_ODD_NAME.search, signature.names)):
        return None
    fields = [
        (f"c{place}", _KINDS[column.kind] | None if column.nullable else _KINDS[column.kind])
        for place, column in enumerate(signature.inputs)
    ]
    names = {f"c{place}": name for place, name in enumerate(signature.names)}
    return msgspec.defstruct("Row", fields, rename=names, gc=False)


def _problem(value: Any, column: Column) -> str | None:
    if value is _ABSENT:
        return "is missing"
    if value is None:
        return None if column.nullable else "must not be null"
    if type(value) not in _TYPES[column.kind]:
        wanted = (
            must_be_number(value) if column.kind == "number" else f"must be {_WORDS[column.kind]}"
        )
        return f"{wanted}, got {_kind_of(value)}"
    if column.kind == "number" and not -_LARGEST <= value <= _LARGEST:
        return "must be a finite number"
    return None


def must_be_number(value: Any) -> str:
    """Say what is wanted in a number's place, to a dressed one by an example.

    A table's `$1,234.50` is read as a number; a request's is refused: JSON has numbers.

    >>> must_be_number("abc"), must_be_number("12%")
    ('must be a number', 'must be a number, as 1234.5 for $1,234.50')
    """
    dressed = isinstance(value, str) and _DRESSED.search(value)
    return "must be a number, as 1234.5 for $1,234.50" if dressed else "must be a number"


def _kind_of(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else "another type")
