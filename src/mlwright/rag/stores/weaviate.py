"""Weaviate, by its REST and GraphQL interfaces: each collection is a class.

Its own client wants older versions of grpcio and protobuf than everything else here does. Filters
use only what Weaviate documents for a property that is there: what an object has and lacks
stands in its `told` (+column, -column), and what came after it shows by `known`, the number of
columns there were when it was written.
"""

from __future__ import annotations

import json
import os
import re
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.core.secrets import reveal

from ..conditions import Condition, fields, without_not
from ..config_finding import VectorDB
from ..records import Chunk
from ..vectors import Vectors
from .columns import columns
from .remote import a_call, latest, numbers, parts
from .weaviate_where import KNOWN, TOLD, graphql, told, where_filter
from .weaviate_wire import Absent, Wire

_NAMESPACE = uuid.UUID("7b0d6f1e-55a5-4b5c-9c1b-6d8f2f6f5d11")
_TYPES = {"b": "boolean", "n": "number", "s": "text"}
_KEY = "WEAVIATE_API_KEY"
_MOST_BYTES = 4_000_000
_ASKED = 500
_SECONDS = 60.0


def open_store(settings: VectorDB, _folder: Path) -> WeaviateStore:
    """Open the Weaviate at `vector_db.url`; its key is `vector_db.api_key` or WEAVIATE_API_KEY.

    Raises:
        ConfigError: there is no url, or the key's variable is not set.
    """
    if settings.url is None:
        raise ConfigError(
            "vector_db.url: is missing; weaviate needs the address of its server",
            hint="for example url: http://127.0.0.1:8080",
        )
    headers = {}
    if settings.api_key or _KEY in os.environ:
        headers["authorization"] = f"Bearer {reveal(settings.api_key or f'env:{_KEY}')}"
    client = httpx.Client(base_url=settings.url.rstrip("/"), headers=headers)
    return WeaviateStore(client, settings.index_name or "")


class WeaviateStore:
    """Collections as classes, named after `index_name` so that several may share a server.

    `close` closes the connections, and is called when nobody has the store any more.
    """

    def __init__(self, client: httpx.Client, name: str, *, seconds: float = _SECONDS) -> None:
        self._wire = Wire(client, seconds)
        self.close = self._wire.close
        self._prefix = f"Mlwright__{_encoded(name)}__"
        self._columns: dict[str, dict[str, int]] = {}
        self._lock = threading.RLock()

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id.

        Raises:
            RemoteError: Weaviate refused some or all of them.
        """
        if not chunks:
            return
        places = latest(chunks)
        values = [columns(fields(chunks[place])) for place in places]
        known = self._with_columns(collection, {name for row in values for name in row})
        objects: list[dict[str, Any]] = [
            {
                "class": self._class(collection),
                "id": _uuid(chunks[place].id),
                "vector": vector,
                "properties": {
                    **row,
                    "name": chunks[place].id,
                    "body": chunks[place].packed(),
                    TOLD: told(row, known),
                    KNOWN: len(known),
                },
            }
            for place, row, vector in zip(places, values, numbers(vectors[places]), strict=True)
        ]
        largest = max(len(json.dumps(each["properties"])) for each in objects)
        for part in parts(objects, min(_ASKED, a_call(_MOST_BYTES, vectors.shape[1], largest))):
            self._wire.put(list(part))

    def search(
        self, collection: str, vector: Vectors, k: int, where: Condition | None = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks."""
        known = self._known(collection)
        if known is None:
            return []
        near = f"nearVector:{{vector:{json.dumps(numbers(vector.reshape(1, -1))[0])}}}"
        asked = f"{near} limit:{k}"
        if where is not None:
            asked += f" where:{graphql(where_filter(without_not(where), known))}"
        rows = self._found(collection, asked, "name _additional{distance}")
        return [(row["name"], 1 - float(row["_additional"]["distance"])) for row in rows]

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""
        if self._known(collection) is None:
            return []
        found: dict[str, Chunk] = {}
        for part in parts(list(dict.fromkeys(ids)), _ASKED):
            asked = f"where:{graphql(_of_ids(part))} limit:{len(part)}"
            for row in self._found(collection, asked, "name body"):
                found[row["name"]] = Chunk.unpacked(row["body"])
        return [found[name] for name in ids if name in found]

    def seal(self, collection: str) -> None:
        """Do nothing: Weaviate indexes as it goes."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks.

        Raises:
            RemoteError: some are still there.
        """
        if self._known(collection) is None:
            return
        for part in parts(ids, _ASKED):
            match = {"class": self._class(collection), "where": _of_ids(part)}
            answer = self._wire.call("DELETE", "/v1/batch/objects", {"match": match})
            failed = int(answer["results"].get("failed", 0))
            if failed:
                raise RemoteError(f"weaviate did not remove {failed} of {len(part)} chunks")

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds."""
        if self._known(collection) is None:
            return 0
        name = self._class(collection)
        answer = self._wire.ask(f"{{Aggregate{{{name}{{meta{{count}}}}}}}}")
        return int(answer["Aggregate"][name][0]["meta"]["count"])

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""
        names = [each["class"] for each in self._wire.call("GET", "/v1/schema")["classes"]]
        own = [name for name in names if name.startswith(self._prefix)]
        return sorted(_decoded(name.removeprefix(self._prefix)) for name in own)

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        with self._lock:
            self._columns.pop(collection, None)
            if self._known(collection) is not None:
                self._wire.call("DELETE", f"/v1/schema/{self._class(collection)}")
                self._columns.pop(collection, None)

    def _class(self, collection: str) -> str:
        return self._prefix + _encoded(collection)

    def _known(self, collection: str) -> dict[str, int] | None:
        """Return the columns of a class by name, each with its number, or None without a class."""
        with self._lock:
            if collection not in self._columns:
                try:
                    found = self._wire.call("GET", f"/v1/schema/{self._class(collection)}")
                except Absent:
                    return None
                numbered = [
                    (each["name"], int(each["description"]))
                    for each in found["properties"]
                    if str(each.get("description", "")).isdigit()
                ]
                self._columns[collection] = dict(numbered)
            return self._columns[collection]

    def _with_columns(self, collection: str, names: set[str]) -> dict[str, int]:
        """Return the columns of a class after those of these names were added."""
        with self._lock:
            known = self._known(collection)
            new = sorted(names - set(known or {}))
            added = {name: len(known or {}) + place for place, name in enumerate(new)}
            made = [_property(name, _TYPES[name[0]], number) for name, number in added.items()]
            if known is None:
                self._wire.call("POST", "/v1/schema", _class(self._class(collection), made))
            else:
                for one in made:
                    self._wire.call("POST", f"/v1/schema/{self._class(collection)}/properties", one)
            self._columns[collection] = {**(known or {}), **added}
            return self._columns[collection]

    def _found(self, collection: str, asked: str, wanted: str) -> list[dict[str, Any]]:
        name = self._class(collection)
        rows = self._wire.ask(f"{{Get{{{name}({asked}){{{wanted}}}}}}}")["Get"][name]
        return list(rows or [])


def _class(name: str, added: list[dict[str, Any]]) -> dict[str, Any]:
    body = {**_property("body", "text"), "indexFilterable": False}
    return {
        "class": name,
        "vectorizer": "none",
        "vectorIndexConfig": {"distance": "cosine"},
        "invertedIndexConfig": {"stopwords": {"preset": "none"}},
        "properties": [
            _property("name", "text"),
            body,
            _property(TOLD, "text[]"),
            _property(KNOWN, "int"),
            *added,
        ],
    }


def _property(name: str, type_: str, number: int | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "dataType": [type_], "indexFilterable": True}
    if type_.startswith("text"):
        made |= {"tokenization": "field", "indexSearchable": False}
    return made if number is None else {**made, "description": str(number)}


def _of_ids(ids: Sequence[str]) -> dict[str, Any]:
    wanted = [_uuid(name) for name in ids]
    return {"path": ["id"], "operator": "ContainsAny", "valueTextArray": wanted}


def _uuid(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, name))


def _encoded(name: str) -> str:
    """Return letters and digits as they are, all else as _ and its bytes in hexadecimal."""
    return "".join(
        each if each.isascii() and each.isalnum() else "".join(f"_{b:02x}" for b in each.encode())
        for each in name
    )


def _decoded(name: str) -> str:
    plain = re.sub(rb"_([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), name.encode())
    return plain.decode("utf-8", "replace")
