"""A collection of LanceDB that is large enough for an index."""

import re
from pathlib import Path

import numpy as np
import pytest

from mlwright.rag.filters import parse
from mlwright.rag.stores import lancedb
from mlwright.rag.stores.lancedb import LanceStore
from mlwright.rag.vectors import Vectors
from mlwright.testing.vector_store import made_chunks

_ROWS, _BATCH = 4_000, 500


@pytest.fixture
def vectors() -> Vectors:
    made = np.random.default_rng(0).normal(size=(_ROWS, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def store(tmp_path: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> LanceStore:
    monkeypatch.setattr(lancedb, "_INDEXED", _ROWS)
    monkeypatch.setattr(lancedb, "_PARTS_SEARCHED", 4)
    store, chunks = LanceStore(tmp_path), made_chunks(_ROWS)
    for start in range(0, _ROWS, _BATCH):
        store.upsert("kb", chunks[start : start + _BATCH], vectors[start : start + _BATCH])
    store.search("kb", vectors[0], 1)  # what is remembered of rows must not outlive the seal
    store.seal("kb")
    return store


def test_a_sealed_collection_is_searched_in_parts(store: LanceStore, vectors: Vectors) -> None:
    plan = store._table("kb").search(vectors[0]).distance_type("cosine").limit(10).analyze_plan()
    assert re.findall(r"partitions_ranked=(\d+)", plan) == ["10"]  # 400 rows each


def test_the_nearest_of_many_are_found(store: LanceStore, vectors: Vectors) -> None:
    for vector in vectors[:20]:
        found = store.search("kb", vector, 10)
        exact = np.argsort(-(vectors @ vector))[:10]
        assert found[0][0] == f"c{exact[0]:03}"
        assert found[0][1] == pytest.approx(1, abs=1e-5)
        assert len({name for name, _ in found} & {f"c{row:03}" for row in exact}) >= 6


def test_all_that_a_filter_lets_through_are_found(store: LanceStore, vectors: Vectors) -> None:
    found = store.search("kb", vectors[0], 100, parse("number < 50"))
    assert sorted(name for name, _ in found) == [f"c{row:03}" for row in range(50)]


def test_what_is_written_after_a_search_is_found(store: LanceStore, vectors: Vectors) -> None:
    store.search("kb", vectors[0], 10)
    store.delete("kb", ["c000"])
    store.upsert("kb", made_chunks(_ROWS + 1)[_ROWS:], vectors[:1])
    assert store.search("kb", vectors[0], 1)[0][0] == f"c{_ROWS}"
