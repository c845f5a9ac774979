"""Weaviate's REST and GraphQL against a server on loopback that checks what it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.rag.conditions import Compare, Not, without_not
from mlwright.rag.config_finding import VectorDB
from mlwright.rag.retries import CallFailed
from mlwright.rag.stores.weaviate import WeaviateStore, open_store
from mlwright.testing.vector_store import made_chunks, made_vectors
from mlwright.testing.weaviate_server import WeaviateServer, weaviate_server

CHUNKS, VECTORS = made_chunks(40), made_vectors(40)


@pytest.fixture
def server() -> Iterator[WeaviateServer]:
    with weaviate_server() as made:
        yield made


@pytest.fixture
def store(server, monkeypatch) -> Iterator[WeaviateStore]:
    monkeypatch.setenv("WEAVIATE_API_KEY", "secret")
    made = open_store(
        VectorDB(type="weaviate", index_name="knowledge-base", url=server.url), Path()
    )
    yield made
    made.close()


def test_a_collection_is_a_class_of_its_own(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    (made,) = server.classes.values()
    assert made.settings["class"] == "Mlwright__knowledge_2dbase__kb_2d1"
    assert made.settings["vectorIndexConfig"] == {"distance": "cosine"}
    assert made.types["s_lang"] == "text"
    assert store.collections() == ["kb-1"]


def test_other_indexes_of_the_server_are_left_alone(server, store, monkeypatch):
    store.upsert("kb-1", CHUNKS, VECTORS)
    other = open_store(VectorDB(type="weaviate", index_name="größe", url=server.url), Path())
    other.upsert("ü-1", CHUNKS[:3], VECTORS[:3])
    assert (store.collections(), other.collections()) == (["kb-1"], ["ü-1"])
    other.close()


def test_fields_that_came_later_are_lacked_by_what_was_there(store):
    late = replace(CHUNKS[3], metadata={"lang": "en", "author": "ann"})
    store.upsert("kb-1", CHUNKS, VECTORS)
    store.upsert("kb-1", [late], VECTORS[3:4])
    without = without_not(Not(Compare("author", "=", "ann")))
    assert len(store.search("kb-1", VECTORS[0], 50, without)) == 39


def test_texts_of_a_filter_are_texts_and_nothing_else(server, store):
    odd = 'a"}){x} \\ \n 😀'
    store.upsert("kb-1", [replace(CHUNKS[0], metadata={"lang": odd}), *CHUNKS[1:]], VECTORS)
    found = store.search("kb-1", VECTORS[0], 5, Compare("lang", "=", odd))
    assert [name for name, _ in found] == ["c000"]


def test_the_part_that_failed_is_written_again(server, store):
    server.failing = {"c003", "c004"}
    store.upsert("kb-1", CHUNKS, VECTORS)
    sent = [len(each.body["objects"]) for each in server.asked if each.path.endswith("objects")]
    assert sent == [40, 2]
    assert store.count("kb-1") == 40


def test_a_part_that_fails_for_good_is_told(server):
    with httpx.Client(base_url=server.url, headers={"authorization": "Bearer secret"}) as client:
        store = WeaviateStore(client, "", seconds=0.1)
        server.failing = {"c003"}
        with pytest.raises(CallFailed) as raised:
            store.upsert("kb-1", CHUNKS, VECTORS)
    assert str(raised.value) == "weaviate took 39 of 40 chunks: cannot import now"
    assert raised.value.hint == "run the command again; what was embedded is kept"


def test_what_is_refused_for_a_while_is_asked_again(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    server.trouble.refusals = [(429, {"retry-after": "0.2"}), (503, {"retry-after": "0"})]
    begun = time.monotonic()
    assert store.search("kb-1", VECTORS[3], 1)[0][0] == "c003"
    assert time.monotonic() - begun >= 0.2


def test_an_answer_that_does_not_come_is_not_waited_for(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    server.trouble.wait = 0.5
    with httpx.Client(base_url=server.url) as client:
        slow = WeaviateStore(client, "knowledge-base", seconds=0.1)
        with pytest.raises(CallFailed, match=r"^weaviate could not be reached$"):
            slow.search("kb-1", VECTORS[0], 1)


def test_another_key_is_refused(server, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "wrong")
    settings = VectorDB(type="weaviate", url=server.url, api_key="env:OTHER_KEY")
    store = open_store(settings, Path())
    with pytest.raises(CallFailed) as raised:
        store.collections()
    assert str(raised.value).startswith("weaviate answered with HTTP 401: ")
    assert raised.value.hint == "check vector_db.api_key"
    store.close()


def test_what_is_no_weaviate_is_told(server, store, monkeypatch):
    monkeypatch.setattr(server, "_answer", lambda _: (404, {"message": "nothing here"}))
    with pytest.raises(CallFailed) as raised:
        store.upsert("kb-1", CHUNKS, VECTORS)
    assert raised.value.hint == "check vector_db.url and vector_db.index_name"


def test_a_question_it_does_not_understand_is_told(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    server.classes.clear()
    with pytest.raises(RemoteError, match=r"^weaviate did not understand a question: Cannot query"):
        store.search("kb-1", VECTORS[0], 1)


def test_it_needs_an_address():
    with pytest.raises(ConfigError) as raised:
        open_store(VectorDB(type="weaviate"), Path())
    assert str(raised.value) == (
        "vector_db.url: is missing; weaviate needs the address of its server"
    )
    assert raised.value.hint == "for example url: http://127.0.0.1:8080"
