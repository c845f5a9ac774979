"""SageMaker's formats of `POST /invocations`: CSV and JSON lines in, by `Accept` out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mlwright.bundle.rows import must_be_number
from mlwright.core.signature import Column, Kind, Signature

from ..answers import Answer, Refused, encode
from ..application import Call, Predicted, Row
from ..requests import check_count
from .bodies import as_rows, check_pairs, parse, shape
from .outputs import Output, csv_cell, outputs

CSV = "text/csv"
LINES = "application/jsonlines"
_LINE_TYPES = (LINES, "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_WORDS = {"true": True, "false": False, "1": True, "0": False}
_decoder = msgspec.json.Decoder(Any)

Write = Callable[[Predicted, Output], Answer]


def content_type(call: Call) -> tuple[str, dict[str, str]]:
    """Return the content type of a call, in lower case, and its parameters; JSON by default."""
    text = call.headers.get(b"content-type", b"application/json").decode("latin-1").lower()
    kind, *parameters = (part.strip() for part in text.split(";"))
    pairs = (each.partition("=") for each in parameters)
    return kind, {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def is_lines(kind: str) -> bool:
    """Say whether a content type is one of the names of JSON lines."""
    return kind in _LINE_TYPES


def from_lines(body: bytes, signature: Signature) -> list[Row]:
    """Return the rows of JSON lines: a row is an object, an array, or `{"features": [...]}`.

    Raises:
        Refused: 400 for what is no JSON, 422 naming the line, 413 for too many.
    """
    lines = [line for line in body.splitlines() if line.strip()]
    check_count(lines, "lines")
    values = [parse(line, _decoder) for line in lines]
    for line, value in zip(lines, values, strict=True):
        check_pairs(line, len(value) if isinstance(value, dict) else 0)
    return as_rows(values, signature.names, "lines")


def from_csv(body: bytes, signature: Signature, header: str | None) -> list[Row]:
    """Return the rows of a CSV; an empty cell is a null.

    SageMaker sends the values alone, in the model's order; MLflow and pandas send a header first.
    A first line that holds the name of every column is one, unless `header` (the parameter of the
    content type, RFC 4180) says `present` or `absent`.

    Raises:
        Refused: 400 for what is no CSV, 422 naming the line or column, 413 for too many.
    """
    lines = _cells(body)
    if not lines:
        raise shape("csv", "holds no row")
    names: Sequence[str] = signature.names
    if header == "present" or (header != "absent" and set(names) <= set(lines[0])):
        names, lines = lines[0], lines[1:]
        if len(set(names)) < len(names):
            raise shape("csv", "names a column twice")
    check_count(lines, "csv")
    kinds = {column.name: column for column in signature.inputs}
    columns = [kinds.get(name) for name in names]
    rows: list[Row] = []
    for place, cells in enumerate(lines):
        if len(cells) != len(names):
            reason = f"holds {len(cells)} values, must hold {len(names)}"
            raise shape(f"csv row {place}", reason)
        pairs = zip(names, cells, columns, strict=True)
        rows.append({name: _value(cell, column, place) for name, cell, column in pairs})
    return rows


def writer(call: Call) -> Write:
    """Return how the answer is written: as JSON, CSV or JSON lines, as `Accept` asks.

    Raises:
        Refused: 406 when none of them is accepted.
    """
    accept = call.headers.get(b"accept", b"").decode("latin-1").lower()
    accepted = [part.partition(";")[0].strip() for part in accept.split(",")]
    for kind in accepted:
        if kind in ("", "*/*", "application/*", "application/json"):
            return write_json
        if kind in (CSV, "text/*"):
            return _write_csv
        if is_lines(kind):
            return _write_lines
    reason = f"must be application/json, {CSV} or {LINES}"
    raise Refused(406, "accept", "", {"Accept": reason})


def write_json(predicted: Predicted, wanted: Output) -> Answer:
    """Answer with `{"predictions": [...]}`, as MLflow does."""
    return Answer(200, encode({"predictions": outputs(predicted, wanted, of_predicted=True)}))


def _write_lines(predicted: Predicted, wanted: Output) -> Answer:
    lines = [encode(each) + b"\n" for each in outputs(predicted, wanted, of_predicted=True)]
    return Answer(200, b"".join(lines), content_type=LINES.encode())


def _write_csv(predicted: Predicted, wanted: Output) -> Answer:
    """One line a row without a header: the label, and the probability of a classifier."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for each in outputs(predicted, wanted, of_predicted=True):
        values = list(each.values()) if isinstance(each, dict) else [each]
        lines.writerow(map(csv_cell, values))
    return Answer(200, text.getvalue().encode(), content_type=b"text/csv; charset=utf-8")


def _cells(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
        return [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except (UnicodeDecodeError, csv.Error):
        raise Refused(400, "csv", "the body is no CSV in UTF-8") from None


def _value(cell: str, column: Column | None, place: int) -> Any:
    if not cell or column is None:
        return cell or None
    read = _READ.get(column.kind)
    if read is None:
        return cell
    try:
        return read(cell.strip())
    except (ValueError, KeyError):
        words = must_be_number(cell) if column.kind == "number" else "must be true or false"
        raise shape(column.name, f"{words} (row {place})") from None


def _number(cell: str) -> float | None:
    # pandas writes a null as an empty cell, numpy as nan.
    return None if cell.lower() == "nan" else float(cell)


_READ: dict[Kind, Callable[[str], Any]] = {
    "number": _number,
    "boolean": lambda cell: _WORDS[cell.lower()],
}
