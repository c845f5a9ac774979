"""The contract of vector stores, run on each of ours that runs here by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from mlwright.rag.config_finding import VectorDB
from mlwright.rag.records import VectorStore
from mlwright.rag.stores import open_store
from mlwright.testing.vector_store import VectorStoreContract


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
