"""A Weaviate on loopback: classes, objects and GraphQL in memory; it refuses what Weaviate would.

What its documentation leaves open, whether `NotEqual` finds what lacks the property, can be chosen.
"""

from __future__ import annotations

import operator
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .json_server import Asked, Said, Trouble, json_server

_COMPARE = {
    "Equal": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanEqual": operator.le,
}
_VALUE_OF = {
    "text": "valueText",
    "text[]": "valueText",
    "int": "valueInt",
    "number": "valueNumber",
    "boolean": "valueBoolean",
}
_TYPES = {"text": str, "int": int, "number": (int, float), "boolean": bool}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.said = status, {"error": [{"message": message}]}


class _Misunderstood(Exception):
    pass


@dataclass
class _Class:
    settings: dict[str, Any]
    types: dict[str, str]
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class WeaviateServer:
    """The classes it has, by name. `failing` are names of chunks that a batch refuses once."""

    key: str | None = "secret"
    ne_finds_missing: bool = True
    url: str = ""
    trouble: Trouble = field(default_factory=Trouble)
    classes: dict[str, _Class] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> Said:
        """Answer one request."""
        self.asked.append(asked)
        try:
            if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
                raise _Refused(401, "invalid api key")
            return self._answer(asked)
        except _Refused as exc:
            return exc.said

    def _answer(self, asked: Asked) -> Said:
        body = asked.body
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["v1", "schema"]:
                return 200, {"classes": [each.settings for each in self.classes.values()]}
            case "POST", ["v1", "schema"]:
                self._make(body)
                return 200, body
            case "GET", ["v1", "schema", name]:
                return 200, self._class(name).settings
            case "DELETE", ["v1", "schema", name]:
                self.classes.pop(name, None)
                return 200, None
            case "POST", ["v1", "schema", name, "properties"]:
                self._add(self._class(name), body)
                return 200, body
            case "POST", ["v1", "batch", "objects"]:
                return 200, [self._put(each) for each in body["objects"]]
            case "DELETE", ["v1", "batch", "objects"]:
                return 200, self._remove(body["match"])
            case "POST", ["v1", "graphql"]:
                return 200, self._graphql(body["query"])
        raise _Refused(404, f"no route {asked.method} {asked.path}")

    def _class(self, name: str) -> _Class:
        if name not in self.classes:
            raise _Refused(404, "")
        return self.classes[name]

    def _make(self, body: dict[str, Any]) -> None:
        if not re.fullmatch(r"[A-Z][_0-9A-Za-z]{0,254}", body["class"]):
            raise _Refused(422, f"{body['class']} is not a valid class name")
        if body["class"] in self.classes:
            raise _Refused(422, f"class name {body['class']} already exists")
        if body["vectorizer"] != "none" or body["vectorIndexConfig"]["distance"] != "cosine":
            raise _Refused(422, "this server was promised vectors, and cosine")
        properties, settings = body["properties"], {**body, "properties": []}
        made = self.classes[body["class"]] = _Class(settings, {})
        for one in properties:
            self._add(made, one)

    def _add(self, made: _Class, one: dict[str, Any]) -> None:
        name, (type_,) = one["name"], one["dataType"]
        if not re.fullmatch(r"[_A-Za-z][_0-9A-Za-z]{0,230}", name) or name in ("id", "_id"):
            raise _Refused(422, f"{name} is not a valid property name")
        if name in made.types or type_ not in _VALUE_OF:
            raise _Refused(422, f"property {name} of type {type_} cannot be added")
        if one.get("indexSearchable") and not type_.startswith("text"):
            raise _Refused(422, "indexSearchable is allowed only for text")
        made.types[name] = type_
        made.settings["properties"].append(one)

    def _put(self, given: dict[str, Any]) -> dict[str, Any]:
        kept, values = self._class(given["class"]), given["properties"]
        wrong = [name for name, value in values.items() if not _fits(kept.types.get(name), value)]
        if values["name"] in self.failing or wrong or str(uuid.UUID(given["id"])) != given["id"]:
            self.failing.discard(values["name"])
            reasons = {"error": [{"message": f"cannot import {wrong or 'now'}"}]}
            return {**given, "result": {"status": "FAILED", "errors": reasons}}
        kept.objects[given["id"]] = given
        return {**given, "result": {"status": "SUCCESS"}}

    def _remove(self, match: dict[str, Any]) -> dict[str, Any]:
        kept = self._class(match["class"])
        gone = [
            name for name, one in kept.objects.items() if self._holds(kept, match["where"], one)
        ]
        for name in gone:
            del kept.objects[name]
        return {"results": {"matches": len(gone), "successful": len(gone), "failed": 0}}

    def _graphql(self, query: str) -> dict[str, Any]:
        import graphql

        try:
            (operation,) = graphql.parse(query).definitions
            (verb,) = operation.selection_set.selections  # type: ignore[attr-defined]
            (of,) = verb.selection_set.selections
            if of.name.value not in self.classes:
                raise _Misunderstood(f'Cannot query field "{of.name.value}"')
            kept = self.classes[of.name.value]
            if verb.name.value == "Aggregate":
                rows: Any = [{"meta": {"count": len(kept.objects)}}]
            else:
                rows = self._get(kept, of)
        except (graphql.GraphQLError, _Misunderstood, _Refused) as exc:
            return {"data": None, "errors": [{"message": str(exc)}]}
        return {"data": {verb.name.value: {of.name.value: rows}}}

    def _get(self, kept: _Class, of: Any) -> list[dict[str, Any]]:
        given = {each.name.value: _literal(each.value) for each in of.arguments}
        found = [
            one
            for one in kept.objects.values()
            if "where" not in given or self._holds(kept, given["where"], one)
        ]
        far: dict[str, float] = {}
        if "nearVector" in given:
            wanted = np.array(given["nearVector"]["vector"])
            far = {one["id"]: _distance(wanted, np.array(one["vector"])) for one in found}
            found.sort(key=lambda one: far[one["id"]])
        names = [each.name.value for each in of.selection_set.selections]
        return [
            {
                name: {"distance": far[one["id"]]}
                if name == "_additional"
                else one["properties"].get(name)
                for name in names
            }
            for one in found[: given["limit"]]
        ]

    def _holds(self, kept: _Class, where: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
        sign = where["operator"]
        if sign in ("And", "Or"):
            held = [self._holds(kept, part, one) for part in where["operands"]]
            return all(held) if sign == "And" else any(held)
        (name,) = where["path"]
        if name == "id":
            return one["id"] in where.get("valueTextArray", where.get("valueText", ()))
        if name not in kept.types:
            raise _Misunderstood(f"no such prop with name '{name}' found in class")
        key = _VALUE_OF[kept.types[name]]
        if key not in where and f"{key}Array" not in where:
            raise _Misunderstood(f"{name} is filtered by another type than its own")
        given, found = where.get(key, where.get(f"{key}Array")), one["properties"].get(name)
        if sign == "ContainsAny":
            return bool(set(given) & set(found if isinstance(found, list) else [found]))
        if sign == "NotEqual":
            return self.ne_finds_missing if found is None else found != given
        return found is not None and bool(_COMPARE[sign](found, given))


@contextmanager
def weaviate_server(**settings: Any) -> Iterator[WeaviateServer]:
    """Serve an empty Weaviate until the block is left; its address is `url`."""
    made = WeaviateServer(**settings)
    with json_server(made.answer, made.trouble) as made.url:
        yield made


def _fits(type_: str | None, value: Any) -> bool:
    if type_ == "text[]":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    expected: Any = _TYPES.get(type_ or "", ())
    return isinstance(value, expected) and (type_ == "boolean") == isinstance(value, bool)


def _literal(node: Any) -> Any:
    match node.kind:
        case "list_value":
            return [_literal(each) for each in node.values]
        case "object_value":
            return {each.name.value: _literal(each.value) for each in node.fields}
        case "int_value":
            return int(node.value)
        case "float_value":
            return float(node.value)
    return node.value


def _distance(one: Any, other: Any) -> float:
    return float(1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other))
