"""The contract of vector stores: on those that run here, and on servers that play the others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlwright.rag.config_finding import VectorDB
from mlwright.rag.records import VectorStore
from mlwright.rag.stores import open_store
from mlwright.testing.pinecone_server import pinecone_server
from mlwright.testing.vector_store import VectorStoreContract
from mlwright.testing.weaviate_server import weaviate_server


class _Embedded(VectorStoreContract):
    kind = ""

    @pytest.fixture
    def store(self, tmp_path: Path) -> VectorStore:
        return open_store(VectorDB(type=self.kind), tmp_path)

    @pytest.fixture
    def reopened(self, store: VectorStore, tmp_path: Path) -> Callable[[], VectorStore]:
        return lambda: open_store(VectorDB(type=self.kind), tmp_path)


class TestLanceDB(_Embedded):
    kind = "lancedb"


class TestFaiss(_Embedded):
    kind = "faiss"


class TestChroma(_Embedded):
    kind = "chroma"
    known_gaps: ClassVar = {"test_texts_have_an_order": "Chroma compares only numbers by < and >"}


class TestMemory(_Embedded):
    kind = "memory"

    @pytest.fixture
    def reopened(self, store: VectorStore) -> Callable[[], VectorStore]:
        return lambda: store  # there is no other process: what it holds ends with it


class _Remote(VectorStoreContract):
    @pytest.fixture
    def settings(self) -> VectorDB:
        raise NotImplementedError

    @pytest.fixture
    def reopened(self, settings: VectorDB, tmp_path: Path) -> Iterator[Callable[[], VectorStore]]:
        opened: list[Any] = []

        def again() -> VectorStore:
            opened.append(open_store(settings, tmp_path))
            return opened[-1]

        yield again
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, reopened: Callable[[], VectorStore]) -> VectorStore:
        return reopened()


class TestPinecone(_Remote):
    known_gaps: ClassVar = {"test_texts_have_an_order": "Pinecone compares only numbers by < and >"}
    ne_finds_missing = True

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorDB]:
        pytest.importorskip("pinecone")
        monkeypatch.setenv("PINECONE_API_KEY", "secret")
        with pinecone_server(ne_finds_missing=self.ne_finds_missing) as server:
            yield VectorDB(type="pinecone", index_name="knowledge-base", url=server.url)


class TestPineconeWhoseNotEqualMissesThem(TestPinecone):
    ne_finds_missing = False


class TestWeaviate(_Remote):
    ne_finds_missing = True

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorDB]:
        monkeypatch.setenv("WEAVIATE_API_KEY", "secret")
        with weaviate_server(ne_finds_missing=self.ne_finds_missing) as server:
            yield VectorDB(type="weaviate", index_name="knowledge-base", url=server.url)


class TestWeaviateWhoseNotEqualMissesThem(TestWeaviate):
    ne_finds_missing = False
