"""A Pinecone on loopback: stores, searches and filters in memory, and refuses what Pinecone would.

What its documentation leaves open, whether `$ne` finds what lacks the field, can be chosen.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .json_server import Asked, Said, Trouble, json_server

_MOST_VECTORS = 1_000
_MOST_BYTES = 2 << 20
_MOST_METADATA = 40_960
_ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.said = status, {"error": {"code": "REFUSED", "message": message}, "status": status}


@dataclass
class PineconeServer:
    """The indexes it has, by name, each a mapping of namespaces to rows by id.

    `unseen` is how many times the statistics are asked for before they show what was written.
    """

    key: str = "secret"
    ne_finds_missing: bool = True
    url: str = ""
    trouble: Trouble = field(default_factory=Trouble)
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    unseen: int = 0

    def make(self, name: str, dimension: int, metric: str = "cosine") -> None:
        """Make an index, as one is made at Pinecone's console."""
        vector = {"type": "dense_vector", "dimension": dimension, "metric": metric}
        self.indexes[name] = {
            "name": name,
            "host": self.url,
            "status": {"ready": True, "state": "Ready"},
            "schema": {"fields": {"_values": vector}},
            "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"},
            "deletion_protection": "disabled",
        }

    def answer(self, asked: Asked) -> Said:
        """Answer one request."""
        self.asked.append(asked)
        try:
            if asked.headers.get("api-key") != self.key:
                raise _Refused(401, "Invalid API Key")
            return self._answer(asked)
        except _Refused as exc:
            return exc.said

    def _answer(self, asked: Asked) -> Said:
        body = asked.body or {}
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["indexes", name]:
                if name not in self.indexes:
                    raise _Refused(404, f"Resource {name} not found")
                return 200, self.indexes[name]
            case "POST", ["indexes"]:
                made = body["schema"]["fields"]["_values"]
                self.make(body["name"], made["dimension"], made["metric"])
                return 201, self.indexes[body["name"]]
            case "POST", ["vectors", "upsert"]:
                return 200, self._upsert(asked)
            case "POST", ["query"]:
                return 200, self._query(body)
            case "GET", ["vectors", "fetch"]:
                namespace = asked.query.get("namespace", [""])[0]
                rows = self.rows.get(namespace, {})
                found = {name: rows[name] for name in asked.query["ids"] if name in rows}
                return 200, {"vectors": found, "namespace": namespace, "usage": {"readUnits": 1}}
            case "POST", ["vectors", "delete"]:
                self._check_namespace(body["namespace"])
                for name in body["ids"]:
                    self.rows[body["namespace"]].pop(name, None)
                return 200, {}
            case "DELETE", ["namespaces", name]:
                self._check_namespace(name)
                del self.rows[name]
                return 202, {}
            case "POST", ["describe_index_stats"]:
                return 200, self._stats()
        raise _Refused(404, f"no route {asked.method} {asked.path}")

    def _check_namespace(self, name: str) -> None:
        if name not in self.rows:
            raise _Refused(404, "Namespace not found")

    def _dimension(self) -> int:
        (one,) = self.indexes.values()
        return int(one["schema"]["fields"]["_values"]["dimension"])

    def _upsert(self, asked: Asked) -> dict[str, Any]:
        rows = asked.body["vectors"]
        if asked.size > _MOST_BYTES or len(rows) > _MOST_VECTORS:
            raise _Refused(400, "Request size exceeds the maximum")
        for row in rows:
            if len(row["values"]) != self._dimension():
                raise _Refused(400, f"Vector dimension {len(row['values'])} does not match")
            _check_metadata(row["metadata"])
        self.rows.setdefault(asked.body["namespace"], {}).update({row["id"]: row for row in rows})
        return {"upsertedCount": len(rows)}

    def _query(self, body: Mapping[str, Any]) -> dict[str, Any]:
        vector = np.array(body["vector"])
        if len(vector) != self._dimension() or not 1 <= body["topK"] <= 10_000:
            raise _Refused(400, "Vector dimension or topK is wrong")
        rows = [
            row
            for row in self.rows.get(body.get("namespace", ""), {}).values()
            if "filter" not in body or self._holds(body["filter"], row["metadata"])
        ]
        scored = [
            {"id": row["id"], "score": _cosine(vector, np.array(row["values"]))} for row in rows
        ]
        scored.sort(key=lambda match: -match["score"])
        return {"matches": scored[: body["topK"]], "namespace": body.get("namespace", "")}

    def _stats(self) -> dict[str, Any]:
        self.unseen -= 1
        seen = {} if self.unseen >= 0 else self.rows
        return {
            "namespaces": {name: {"vectorCount": len(rows)} for name, rows in seen.items() if rows},
            "dimension": self._dimension(),
            "indexFullness": 0,
            "totalVectorCount": sum(map(len, seen.values())),
        }

    def _holds(self, said: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        if not said:
            raise _Refused(400, "an empty filter")
        return all(self._one(name, wanted, values) for name, wanted in said.items())

    def _one(self, name: str, wanted: Any, values: Mapping[str, Any]) -> bool:
        if name in ("$and", "$or"):
            if not isinstance(wanted, list) or not wanted:
                raise _Refused(400, f"{name} needs a list")
            held = [self._holds(part, values) for part in wanted]
            return all(held) if name == "$and" else any(held)
        if name.startswith("$") or not isinstance(wanted, dict):
            raise _Refused(400, f"{name} is no field")
        return all(self._test(sign, given, values.get(name)) for sign, given in wanted.items())

    def _test(self, sign: str, given: Any, found: Any) -> bool:
        if sign == "$exists":
            return (found is not None) is given
        if sign == "$eq":
            return _same(found, given)
        if sign == "$ne":
            return self.ne_finds_missing if found is None else not _same(found, given)
        if sign == "$in":
            if any(isinstance(one, bool) for one in given):
                raise _Refused(400, "$in takes strings and numbers")
            return any(_same(found, one) for one in given)
        if sign not in _ORDER or isinstance(given, bool) or not isinstance(given, int | float):
            raise _Refused(400, f"{sign} takes a number")
        comparable = isinstance(found, int | float) and not isinstance(found, bool)
        return comparable and bool(_ORDER[sign](found, given))


@contextmanager
def pinecone_server(**settings: Any) -> Iterator[PineconeServer]:
    """Serve an empty Pinecone until the block is left; its address is `url`."""
    made = PineconeServer(**settings)
    with json_server(made.answer, made.trouble) as made.url:
        yield made


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _check_metadata(values: Mapping[str, Any]) -> None:
    if len(json.dumps(values, ensure_ascii=False).encode()) > _MOST_METADATA:
        raise _Refused(400, "Metadata size exceeds the limit of 40960 bytes")
    for name, value in values.items():
        if name.startswith("$") or not isinstance(value, str | int | float | bool):
            raise _Refused(400, f"Metadata value for {name} must be a string, number or boolean")
