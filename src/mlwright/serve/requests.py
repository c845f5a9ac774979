"""Reads what strangers write, strictly: headers, JSON, the number of rows."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from mlwright.bundle.rows import row_type
from mlwright.core.signature import Signature
from mlwright.predictions.lines import Route

from .answers import Refused
from .application import Call, Row, Values
from .wire import Request

ROWS = 10_000
ROUTE_HEADER = "x-mlwright-route"

_TEXT = re.compile(rb"[\x21-\x7e]{1,200}")
_JSON = re.compile(rb"application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ARMS: dict[bytes, Route] = {
    b"champion": "champion",
    b"candidate": "candidate",
    b"mirror": "mirror",
    b"test": "test",
}
_PUBLIC_ARMS: dict[bytes, Route] = {b"test": "test"}


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    records: list[Row]


class _Texts(msgspec.Struct, gc=False):
    records: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Body)
_texts = msgspec.json.Decoder(_Texts)
_prefix = os.urandom(6).hex()
_counter = itertools.count(1)


def call_of(request: Request, started: float, *, private: bool) -> Call:
    """Return a request as routes take it.

    Anybody may say that it is a test, and only this machine's own which other arm it is.

    Raises:
        Refused: 400 for a bad header, 415 for a body that is compressed.
    """
    headers = request.headers
    request_id, key = headers.get(b"x-request-id"), headers.get(b"x-routing-key")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        reason = "must be identity: compressed bodies are not read"
        raise Refused(415, "content_type", "", {"Content-Encoding": reason})
    return Call(
        request.method,
        request.path,
        request.query,
        headers,
        request.body,
        f"{_prefix}{next(_counter):010x}" if request_id is None else _text(_ID, request_id),
        None if key is None else _text("X-Routing-Key", key),
        started,
        (_ARMS if private else _PUBLIC_ARMS).get(headers.get(b"x-mlwright-route", b""), "champion"),
    )


def traceparent(call: Call) -> str | None:
    """Return the caller's trace, when it is written as W3C says."""
    value = call.headers.get(b"traceparent")
    return value.decode() if value is not None and _TRACE.fullmatch(value) else None


def check_json(call: Call) -> None:
    """Refuse a body that says that it is something else than JSON.

    Raises:
        Refused: 415.
    """
    value = call.headers.get(b"content-type")
    if value is not None and value != b"application/json" and not _JSON.fullmatch(value):
        reason = "must be application/json"
        raise Refused(415, "content_type", f"Content-Type {reason}", {"Content-Type": reason})


def decode(body: bytes) -> list[Row]:
    """Read `{"records": [{column: value}]}`; values are numbers, texts, booleans or null.

    Raises:
        Refused: 400 for what is no JSON, 413 for more than 10,000 rows, 422 for another shape;
            a key that stands twice in an object counts as another shape.

    >>> decode(b'{"records": [{"tenure": 12}]}')
    [{'tenure': 12}]
    """
    try:
        rows = _decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise Refused(422, "shape", str(exc), _explain(body, exc)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Refused(400, "json", f"the body is not JSON: {malformed(exc)}") from None
    check_count(rows.records)
    # Each pair of key and value has one colon of its own, so fewer pairs than colons is the only
    # case where a repeated key can hide; texts with colons are told from it by a slower reading.
    if body.count(b":") != 1 + sum(map(len, rows.records)):
        check_repeated(body)
    return rows.records


class Reader:
    """Reads and checks `{"records": [...]}` at once, in C, where all is as the signature has it.

    >>> from mlwright.core.signature import Column
    >>> read = Reader(Signature((Column("tenure", "number"),), "regression", "price"))
    >>> values, texts = read(b'{"records": [{"tenure": 12}]}')
    >>> values, [bytes(text) for text in texts]
    ([(12.0,)], [b'{"tenure": 12}'])
    >>> read(b'{"records": [{"tenure": 12, "colour": "red"}]}') is None
    True
    """

    def __init__(self, signature: Signature) -> None:
        kind: Any = row_type(signature)
        self._decoder: msgspec.json.Decoder[Any] | None = None
        if kind is not None:
            body = msgspec.defstruct("Body", [("records", list[kind])], gc=False)
            self._decoder = msgspec.json.Decoder(body)
        self._width = len(signature.inputs)

    def __call__(self, body: bytes) -> tuple[list[Values], list[msgspec.Raw]] | None:
        """Return the rows' values and their texts, which stand on one line each.

        None: `decode` must look at it, since something is wrong or just unusual, as a column that
        is unknown, a text with a colon, or a body of many lines.
        """
        if self._decoder is None or b"\n" in body or b"\r" in body:
            return None
        try:
            records = self._decoder.decode(body).records
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        # All columns are there, and there are no more pairs than columns: none is unknown or twice.
        if not 0 < len(records) <= ROWS or body.count(b":") != 1 + len(records) * self._width:
            return None
        return list(map(astuple, records)), _texts.decode(body).records


def check_count(rows: Sequence[object], field: str = "records") -> None:
    """Refuse no rows, and too many.

    Raises:
        Refused: 422 or 413.
    """
    if not rows:
        raise Refused(422, "shape", "", {field: "holds no row"})
    if len(rows) > ROWS:
        raise Refused(413, "too_large", "", {field: f"holds more than {ROWS} rows"})


_ID = "X-Request-Id"


def _text(header: str, value: bytes) -> str:
    if not _TEXT.fullmatch(value):
        reason = "must be 1 to 200 visible ASCII characters"
        raise Refused(400, "header", f"{header} {reason}", {header: reason})
    return value.decode("ascii")


def malformed(exc: Exception) -> str:
    """Return why a body is no JSON, without a part of it."""
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return "a text is not UTF-8"
    return str(exc).removeprefix("JSON is malformed: ")


class _Repeated(Exception):
    pass


def check_repeated(body: bytes) -> None:
    """Refuse JSON with a key that stands twice in an object: which one is meant?

    Raises:
        Refused: 422.
    """

    def pairs(items: list[tuple[str, Any]]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, value in items:
            if name in found:
                raise _Repeated(name)
            found[name] = value
        return found

    try:
        json.loads(body, object_pairs_hook=pairs)
    except _Repeated as exc:
        raise Refused(422, "shape", "", {str(exc): "stands twice in one object"}) from None


def _explain(body: bytes, exc: msgspec.ValidationError) -> dict[str, str]:
    """Name the columns whose values have a shape that no column can have, or what else has not."""
    reason, _, place = str(exc).partition(" - at ")
    try:
        records = json.loads(body)["records"]
        rows = [row for row in records if isinstance(row, dict)]
    except (ValueError, RecursionError, KeyError, TypeError):
        rows = []
    odd = {name: _odd(value) for row in rows for name, value in row.items() if _odd(value)}
    return odd or {"records" if "records" in place else "body": reason}


def _odd(value: Any) -> str:
    if isinstance(value, list | dict):
        return (
            f"must be a single value, not {'an array' if isinstance(value, list) else 'an object'}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        return "is a number out of range"
    return ""
