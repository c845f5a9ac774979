"""Reads a prediction request strictly: headers, body, JSON, limits. Strangers write these."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mlwright.predictions.lines import Route

from .answers import Refused
from .http import Receive, Scope

BODY = 10 * 1024 * 1024
BODY_SECONDS = 20.0
ROWS = 10_000
ROUTE_HEADER = "x-mlwright-route"

Value = str | int | float | bool | None
Row = dict[str, Value]

Test = Literal["test"]

_TEXT = re.compile(rb"[\x21-\x7e]{1,200}")
_JSON = re.compile(rb"application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_ROUTES: dict[bytes, Route | Test] = {
    b"champion": "champion",
    b"candidate": "candidate",
    b"test": "test",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One prediction request: its ids, its raw body, and who sent it here.

    A test is answered like any other request and not logged: it is no traffic.
    """

    request_id: str
    key: str | None
    body: bytes
    route: Route | Test = "champion"


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    records: list[Row]


_decoder = msgspec.json.Decoder(_Body)
_prefix = os.urandom(6).hex()
_counter = itertools.count(1)


async def read_call(scope: Scope, receive: Receive) -> Call:
    """Read the headers that matter and the whole body.

    Raises:
        Refused: 400 for a bad header, 408 for a body that does not come, 413 for one over 10 MiB,
            415 for what is not JSON.
    """
    request_id = key = None
    route: Route | Test = "champion"
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = _text("X-Request-Id", value)
        elif name == b"x-routing-key":
            key = _text("X-Routing-Key", value)
        elif name == b"content-type":
            _check_type(value)
        elif name == b"content-length" and int(value) > BODY:
            raise _too_large()
        elif name == b"x-mlwright-route":
            route = _ROUTES.get(value, "champion")
    body = await _read_body(receive)
    return Call(request_id or f"{_prefix}{next(_counter):010x}", key, body, route)


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
        raise Refused(400, "json", f"the body is not JSON: {_malformed(exc)}") from None
    _check_rows(rows.records)
    # Each pair of key and value has one colon of its own, so fewer pairs than colons is the only
    # case where a repeated key can hide; texts with colons are told from it by a slower reading.
    if body.count(b":") != 1 + sum(map(len, rows.records)):
        _check_repeated(body)
    return rows.records


def _text(header: str, value: bytes) -> str:
    if not _TEXT.fullmatch(value):
        reason = "must be 1 to 200 visible ASCII characters"
        raise Refused(400, "header", f"{header} {reason}", {header: reason})
    return value.decode("ascii")


def _check_type(value: bytes) -> None:
    if not _JSON.fullmatch(value):
        reason = "must be application/json"
        raise Refused(415, "content_type", f"Content-Type {reason}", {"Content-Type": reason})


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_parts(receive, message)
    except TimeoutError:
        raise Refused(408, "slow", f"the body took over {BODY_SECONDS:g} s to come") from None


async def _read_parts(receive: Receive, message: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY:
            raise _too_large()
    if message["type"] == "http.disconnect":
        raise Refused(400, "disconnect", "the body ended early")
    return b"".join(parts)


def _too_large() -> Refused:
    return Refused(413, "too_large", f"the body is larger than {BODY} bytes")


def _check_rows(rows: Sequence[Row]) -> None:
    if not rows:
        raise Refused(422, "shape", "", {"records": "holds no row"})
    if len(rows) > ROWS:
        raise Refused(413, "too_large", "", {"records": f"holds more than {ROWS} rows"})


def _malformed(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return "a text is not UTF-8"
    return str(exc).removeprefix("JSON is malformed: ")


class _Repeated(Exception):
    pass


def _check_repeated(body: bytes) -> None:
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
    """Name the columns whose values have a shape that no column can have."""
    reason, _, _ = str(exc).partition(" - at ")
    try:
        records = json.loads(body)["records"]
        rows = [row for row in records if isinstance(row, dict)]
    except (ValueError, RecursionError, KeyError, TypeError):
        rows = []
    odd = {name: _odd(value) for row in rows for name, value in row.items() if _odd(value)}
    return odd or {"records": reason}


def _odd(value: Any) -> str:
    if isinstance(value, list | dict):
        return (
            f"must be a single value, not {'an array' if isinstance(value, list) else 'an object'}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        return "is a number out of range"
    return ""
