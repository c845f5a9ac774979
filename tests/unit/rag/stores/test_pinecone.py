"""Pinecone's own client against a server on loopback that checks what it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pinecone")

from pinecone import Pinecone

from mlwright.core.errors import ConfigError, DataError, RemoteError
from mlwright.rag.config_finding import VectorDB
from mlwright.rag.retries import CallFailed
from mlwright.rag.stores.pinecone import PineconeStore, open_store
from mlwright.testing.pinecone_server import PineconeServer, pinecone_server
from mlwright.testing.vector_store import made_chunks, made_vectors

CHUNKS, VECTORS = made_chunks(40), made_vectors(40)


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with pinecone_server() as made:
        yield made


@pytest.fixture
def store(server, monkeypatch) -> Iterator[PineconeStore]:
    monkeypatch.setenv("PINECONE_API_KEY", "secret")
    made = open_store(VectorDB(type="pinecone", index_name="kb", url=server.url), Path())
    yield made
    made.close()


def test_the_first_upsert_makes_the_index(server, store):
    assert store.search("kb-1", VECTORS[0], 5) == []
    assert server.indexes == {}
    store.upsert("kb-1", CHUNKS, VECTORS)
    (made,) = server.indexes.values()
    assert made["schema"]["fields"]["_values"]["dimension"] == 8
    asked = next(each for each in server.asked if each.path == "/indexes")
    assert asked.body["deployment"] == {
        "deployment_type": "managed",
        "cloud": "aws",
        "region": "us-east-1",
    }
    assert {each.headers["api-key"] for each in server.asked} == {"secret"}


def test_an_index_that_is_there_is_used_if_it_fits(server, store):
    server.make("kb", 1536)
    with pytest.raises(ConfigError) as raised:
        store.upsert("kb-1", CHUNKS, VECTORS)
    assert str(raised.value) == (
        "the index 'kb' at Pinecone compares 1536 numbers by cosine, and 8 by cosine are needed"
    )
    server.make("kb", 8, "dotproduct")
    with pytest.raises(ConfigError, match="compares 8 numbers by dotproduct"):
        store.count("kb-1")
    server.make("kb", 8)
    store.upsert("kb-1", CHUNKS, VECTORS)
    assert store.count("kb-1") == 40


def test_requests_stay_below_what_pinecone_takes(server, store):
    many, body = made_chunks(400), "x" * 20_000
    store.upsert("kb-1", [replace(chunk, text=body) for chunk in many], made_vectors(400))
    sizes = [each.size for each in server.asked if each.path == "/vectors/upsert"]
    assert len(sizes) > 1
    assert max(sizes) < 2 << 20
    assert store.count("kb-1") == 400


def test_a_chunk_that_is_too_large_is_named(store):
    large = replace(CHUNKS[0], text="x" * 50_000)
    with pytest.raises(DataError) as raised:
        store.upsert("kb-1", [large], VECTORS[:1])
    assert str(raised.value).startswith("docs/größe-0.md: a chunk of 50,")
    assert raised.value.hint == ("make chunking.size smaller, or choose another vector_db.type")


def test_what_is_refused_for_a_while_is_asked_again(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    server.trouble.refusals = [(429, {"retry-after": "0.2"}), (503, {"retry-after": "0"})]
    begun = time.monotonic()
    assert store.search("kb-1", VECTORS[3], 1)[0][0] == "c003"
    assert time.monotonic() - begun >= 0.2


def test_a_part_that_is_refused_for_good_is_told(server, store):
    server.make("kb", 8)
    store.count("kb-1")
    server.trouble.refusals = [(400, {})]
    with pytest.raises(RemoteError) as raised:
        store.upsert("kb-1", CHUNKS, VECTORS)
    assert str(raised.value).startswith("pinecone took 0 of 40 chunks: ")
    assert raised.value.hint == "run the command again; what was embedded is kept"


def test_another_key_is_refused(server, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "wrong")
    settings = VectorDB(type="pinecone", url=server.url, api_key="env:OTHER_KEY")
    store = open_store(settings, Path())
    with pytest.raises(CallFailed) as raised:
        store.collections()
    assert str(raised.value) == "pinecone answered with HTTP 401: Invalid API Key"
    assert raised.value.hint == "check vector_db.api_key"
    store.close()


def test_an_answer_that_does_not_come_is_not_waited_for(server, store):
    store.upsert("kb-1", CHUNKS, VECTORS)
    client = Pinecone(api_key="secret", host=server.url, timeout=0.05)
    slow = PineconeStore(client, "kb")
    assert slow.count("kb-1") == 40
    server.trouble.wait = 0.5
    with pytest.raises(CallFailed, match=r"^pinecone could not be reached$"):
        slow.search("kb-1", VECTORS[0], 1)
    slow.close()


def test_a_version_is_done_when_pinecone_counts_it(server, store):
    waits: list[float] = []
    store._sleep = waits.append
    store.upsert("kb-1", CHUNKS, VECTORS)
    server.unseen = 3
    store.seal("kb-1")
    assert waits == [0.05, 0.1, 0.2]
    assert store.count("kb-1") == 40
