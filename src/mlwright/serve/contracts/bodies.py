"""Reads the bodies of all contracts: JSON, and the ways in which rows stand in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

from ..answers import Refused
from ..application import Call, Row
from ..requests import check_count, check_json, check_repeated, malformed

T = TypeVar("T")


def read_object(call: Call) -> dict[str, Any]:
    """Return the JSON object of a body; a NaN in it, as pandas writes a null, is a null.

    Raises:
        Refused: 415 for another content type, 400 for what is no JSON, 422 for what is no object
            or holds a key twice.
    """
    found = read_json(call)
    if not isinstance(found, dict):
        raise shape("body", "must be a JSON object")
    return found


def read_json(call: Call) -> Any:
    """Return what a body holds as JSON; see `read_object`."""
    check_json(call)
    found = parse(call.body, msgspec.json.Decoder(Any))
    check_pairs(call.body, _pairs(found))
    return found


def parse(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode JSON; a NaN is a null.

    Raises:
        Refused: 400 for what is no JSON, 422 for what is not of the decoder's type.
    """
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if b"NaN" not in body:
                raise
        return msgspec.convert(json.loads(body, parse_constant=_constant), decoder.type)
    except msgspec.ValidationError as exc:
        raise shape("body", str(exc)) from None
    except (ValueError, RecursionError) as exc:
        raise Refused(400, "json", f"the body is not JSON: {malformed(exc)}") from None


def check_pairs(body: bytes, pairs: int) -> None:
    """Refuse a key that stands twice in one object, given how many pairs were read.

    Each pair has a colon of its own, so only a body with more colons than pairs is read again.

    Raises:
        Refused: 422.
    """
    if body.count(b":") != pairs:
        try:
            check_repeated(body)
        except (ValueError, RecursionError) as exc:
            raise Refused(400, "json", f"the body is not JSON: {malformed(exc)}") from None


def shape(field: str, reason: str) -> Refused:
    """Return the refusal of a body that does not have the contract's form."""
    return Refused(422, "shape", "", {field: reason})


def as_rows(values: Any, names: Sequence[str], field: str) -> list[Row]:
    """Return rows that are objects, arrays in the signature's order, or `{"features": [...]}`.

    Raises:
        Refused: 422 naming the row, 413 for too many.
    """
    rows = [
        _row(each, names, f"{field}[{place}]") for place, each in enumerate(_list(values, field))
    ]
    return checked(rows, field)


def from_split(value: Any, field: str) -> list[Row]:
    """Return the rows of `{"columns": [...], "data": [[...]]}`; an `index` is passed over.

    Raises:
        Refused: 422 naming the part, 413 for too many.
    """
    if not isinstance(value, dict):
        raise shape(field, "must be an object with columns and data")
    columns = _list(value.get("columns"), f"{field}.columns")
    if not all(isinstance(each, str) for each in columns):
        raise shape(f"{field}.columns", "must hold the names of columns")
    if len(set(columns)) < len(columns):
        raise shape(f"{field}.columns", "names a column twice")
    data = _list(value.get("data"), f"{field}.data")
    rows = [_zipped(each, columns, f"{field}.data[{place}]") for place, each in enumerate(data)]
    return checked(rows, f"{field}.data")


def from_columns(value: Mapping[str, Any], field: str) -> list[Row]:
    """Return the rows of `{column: [values]}`; a single value stands for a column of one row.

    Raises:
        Refused: 422 naming the column, 413 for too many.
    """
    columns = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
    lengths = {name: len(each) for name, each in columns.items()}
    wanted = next(iter(lengths.values()), 0)
    odd = {
        f"{field}.{name}": f"holds {length} values, the first column {wanted}"
        for name, length in lengths.items()
        if length != wanted
    }
    if odd:
        raise Refused(422, "shape", "", odd)
    return checked(transposed(columns.keys(), columns.values(), field), field)


def checked(rows: list[Row], field: str) -> list[Row]:
    """Return rows whose number is right, and whose values are single ones.

    Raises:
        Refused: 422 naming every column that holds more, 413 for too many rows.
    """
    check_count(rows, field)
    odd = {
        name: f"must be a single value, not an {_NESTED[type(value)]}"
        for row in rows
        for name, value in row.items()
        if type(value) in _NESTED
    }
    if odd:
        raise Refused(422, "shape", "", odd)
    return rows


def transposed(names: Iterable[str], columns: Iterable[list[Any]], field: str) -> list[Row]:
    """Return rows made of columns of one length."""
    keys = tuple(names)
    rows = [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
    check_count(rows, field)
    return rows


def _row(value: Any, names: Sequence[str], field: str) -> Row:
    if isinstance(value, dict):
        inner = value.get("features")
        if len(value) == 1 and isinstance(inner, list):
            return _zipped(inner, names, field)
        return value
    return _zipped(value, names, field)


def _zipped(values: Any, names: Sequence[str], field: str) -> Row:
    if not isinstance(values, list):
        raise shape(field, "must be an object or an array of values")
    if len(values) != len(names):
        raise shape(field, f"holds {len(values)} values, must hold {len(names)}")
    return dict(zip(names, values, strict=True))


def _list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise shape(field, "must be an array")
    return value


def _pairs(value: Any) -> int:
    """Count pairs of key and value, not in arrays of arrays: too few only costs a second look."""
    if isinstance(value, dict):
        return len(value) + sum(_pairs(each) for each in value.values() if type(each) in _NESTED)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(map(_pairs, value))
    return 0


_NESTED: dict[type, str] = {dict: "object", list: "array"}


def _constant(name: str) -> None:
    if name != "NaN":
        _not_json(name)


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name.removeprefix('-')} is no number")
