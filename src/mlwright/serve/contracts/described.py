"""What a contract is built with, and the words in which it describes its routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mlwright.bundle import schema
from mlwright.core.signature import Column, Signature

from ..answers import Answer, Refused
from ..application import Health, Route, Row
from ..requests import ROWS

JSON = "application/json"

Schema = dict[str, Any]
ROW: Schema = {"$ref": "#/components/schemas/Row"}

_REFUSALS = {
    "400": "the request cannot be read",
    "401": "no API key, or an unknown one",
    "408": "the body did not come in time",
    "413": "the body is too large, or holds too many rows",
    "415": "a content type that is not taken here",
    "422": "the rows do not fit the model; the answer names every column and the reason",
    "429": "too many requests",
    "500": "the model failed on this request",
    "503": "the server is stopping, overloaded, or cannot write its log",
}
_EXAMPLES: dict[str, Any] = {"number": 1.0, "category": "a", "text": "a", "boolean": True}


class Subject(NamedTuple):
    """The model that a contract speaks for; `environment` is the platform's variables."""

    model: str
    version: int
    signature: Signature
    samples: Sequence[Row]
    environment: Mapping[str, str]

    @property
    def example(self) -> Row:
        """Return a row to show: a sample of the bundle, else one of the right kinds."""
        if self.samples:
            return self.samples[0]
        return {column.name: _EXAMPLES[column.kind] for column in self.signature.inputs}


class Described(Protocol):
    """A contract that can say what its routes take and give."""

    def __init__(self, subject: Subject) -> None: ...

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return (method, path) -> route."""
        ...

    def health(self) -> Mapping[str, Health]:
        """Return the paths that tell whether the server lives or is ready."""
        ...

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal in this contract's own shape."""
        ...

    def paths(self) -> Mapping[tuple[str, str], Schema]:
        """Return the OpenAPI operation of each of `routes`."""
        ...


def operation(
    summary: str,
    *,
    tag: str,
    gives: Schema,
    takes: Mapping[str, Schema] | None = None,
    refuses: Schema | None = None,
    statuses: Mapping[str, str] | None = None,
    **more: Any,
) -> Schema:
    """Return an OpenAPI operation.

    Args:
        summary: what it does, in one line.
        tag: the name of the contract.
        gives: content type -> media type object of the answer.
        takes: the same of the body, when there is one.
        refuses: the schema of a refusal, in the shape of the contract.
        statuses: further statuses of a refusal, and their meaning.
        **more: further members of the operation.
    """
    found: Schema = {
        "summary": summary,
        "tags": [tag],
        **more,
        "responses": {"200": {"description": "the answer", "content": gives}},
    }
    if takes is not None:
        found["requestBody"] = {"required": True, "content": dict(takes)}
    if refuses is not None:
        content = {JSON: {"schema": refuses}}
        for status, reason in sorted({**_REFUSALS, **(statuses or {})}.items()):
            found["responses"][status] = {"description": reason, "content": content}
    return found


def media(body: Schema, example: Any = None) -> Schema:
    """Return a media type object: a schema, and an example when there is one."""
    return {"schema": body} if example is None else {"schema": body, "example": example}


def rows_of(each: Schema) -> Schema:
    """Return the schema of 1 to 10,000 rows."""
    return {"type": "array", "items": each, "minItems": 1, "maxItems": ROWS}


def ordered(inputs: Sequence[Column]) -> Schema:
    """Return the schema of a row as an array of values in the signature's order."""
    return {
        "type": "array",
        "prefixItems": [schema.value(column) for column in inputs],
        "items": False,
        "minItems": len(inputs),
    }


def split_of(inputs: Sequence[Column]) -> Schema:
    """Return the schema of a table as pandas splits it."""
    names = [column.name for column in inputs]
    return members(columns={"const": names}, data=rows_of(ordered(inputs)))


def members(**properties: Schema) -> Schema:
    """Return the schema of an object whose members are all required."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def some(*choices: Schema) -> Schema:
    """Return the schema of a value that fits one of several."""
    return {"anyOf": list(choices)}
