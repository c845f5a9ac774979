"""The tests that every vector store passes.

Subclass, override the fixtures `store` and `reopened`, and run pytest.
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from mlwright.rag.conditions import fields, matches
from mlwright.rag.filters import parse
from mlwright.rag.records import Chunk, VectorStore
from mlwright.rag.vectors import Vectors

from .contract import Contract

NAME = "kb-1a2b3c"
DIMENSION = 8
LANGUAGES = ("en", "de", "fr's")


def made_chunks(count: int) -> list[Chunk]:
    """Return chunks with fields of every type; some lack some."""
    return [
        Chunk(
            f"c{i:03}",
            f"d{i // 3}",
            f"docs/größe-{i // 3}.md",
            f"Title {i // 3}",
            f"Text {i}: 'quoted', ünïcode\nand a line.",
            i * 10,
            i * 10 + 9,
            page=i % 4 + 1 if i % 5 else None,
            headings=("One", f"Part {i}"),
            metadata=_metadata(i),
            context="before",
        )
        for i in range(count)
    ]


def _metadata(i: int) -> dict[str, str | int | float | bool]:
    told: dict[str, str | int | float | bool] = {"lang": LANGUAGES[i % 3], "number": i}
    if i % 2:
        told["year"] = 2000 + i
    if i % 4 == 0:
        told["draft"] = i % 8 == 0
    if i % 7 == 0:
        told["Odd Name"] = 0.5 * i
    return told


def made_vectors(count: int) -> Vectors:
    """Return unit vectors that are all different."""
    drawn = np.random.default_rng(7).normal(size=(count, DIMENSION)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


FILTERS = [
    "lang = 'en'",
    "lang != 'en'",
    "lang = 'fr''s'",
    "lang in ('en', 'de')",
    "not lang in ('en', 'de')",
    "number >= 10 and number < 20",
    "year > 2010",
    "not year > 2010",
    "year = 2007 or draft = true",
    "draft = false",
    "draft != true",
    "not draft = true",
    "page in (1, 3) and not (lang = 'en' or year <= 2015)",
    "number = '3'",
    "nowhere = 1",
    "not nowhere = 1",
    "document = 'd2'",
    "source = 'docs/größe-1.md'",
    "not (not (number = 4))",
]


class VectorStoreContract(Contract):
    """What a store owes: what was put in is found, as it was, by nearness and by its fields."""

    @pytest.fixture
    def store(self) -> VectorStore:
        """Return an empty store."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def reopened(self, store: VectorStore) -> Callable[[], VectorStore]:
        """Return a function that opens the same store again, as another process would."""
        raise NotImplementedError("override this fixture")

    @pytest.fixture
    def chunks(self) -> list[Chunk]:
        """Return what is put in."""
        return made_chunks(40)

    @pytest.fixture
    def vectors(self) -> Vectors:
        """Return their vectors."""
        return made_vectors(40)

    @pytest.fixture
    def full(self, store: VectorStore, chunks: list[Chunk], vectors: Vectors) -> VectorStore:
        """Return the store with everything in it."""
        store.upsert(NAME, chunks, vectors)
        store.seal(NAME)
        return store

    def test_nothing_is_found_where_nothing_is(self, store: VectorStore, vectors: Vectors) -> None:
        """A collection that does not exist is empty, and can be dropped."""
        assert store.collections() == []
        assert store.count(NAME) == 0
        assert store.search(NAME, vectors[0], 5, None) == []
        assert store.get(NAME, ["c000"]) == []
        store.delete(NAME, ["c000"])
        store.drop(NAME)
        store.seal(NAME)

    def test_chunks_come_back_as_they_were(self, full: VectorStore, chunks: list[Chunk]) -> None:
        """`get` keeps the order asked for, and leaves out what is not there."""
        asked = [chunks[5], chunks[0], chunks[39]]
        assert full.get(NAME, [asked[0].id, "nobody", *(c.id for c in asked[1:])]) == asked
        assert full.count(NAME) == len(chunks)
        assert full.collections() == [NAME]

    def test_the_nearest_are_found_by_cosine(self, full: VectorStore, vectors: Vectors) -> None:
        """Ids and similarities are those of comparing all."""
        for query in vectors[:5]:
            scores = vectors @ query
            best = np.argsort(-scores)[:7]
            found = full.search(NAME, query, 7, None)
            assert [name for name, _ in found] == [f"c{i:03}" for i in best]
            assert [score for _, score in found] == pytest.approx(scores[best], abs=1e-4)

    def test_more_than_there_is_gives_all(self, full: VectorStore, vectors: Vectors) -> None:
        """A k beyond the count is no error."""
        assert len(full.search(NAME, vectors[0], 500, None)) == 40

    @pytest.mark.parametrize("text", FILTERS)
    def test_filters_let_through_what_they_say(
        self, full: VectorStore, chunks: list[Chunk], vectors: Vectors, text: str
    ) -> None:
        """A filter keeps what `filters.matches` keeps, and loses nothing of it."""
        where = parse(text)
        assert where is not None
        expected = {chunk.id for chunk in chunks if matches(where, fields(chunk))}
        found = full.search(NAME, vectors[0], 40, where)
        assert {name for name, _ in found} == expected
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)

    def test_texts_have_an_order(
        self, full: VectorStore, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """Dates that are texts can be compared by < and >."""
        where = parse("lang > 'dz'")
        assert where is not None
        expected = {chunk.id for chunk in chunks if matches(where, fields(chunk))}
        assert {name for name, _ in full.search(NAME, vectors[0], 40, where)} == expected

    def test_an_upsert_replaces(
        self, full: VectorStore, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """The same id again is the new chunk, its new fields, and its new vector, once."""
        changed = replace(chunks[3], text="new", metadata={"lang": "en", "brand_new": True})
        full.upsert(NAME, [changed], vectors[20:21])
        assert full.count(NAME) == 40
        assert full.get(NAME, ["c003"]) == [changed]
        best = {name for name, _ in full.search(NAME, vectors[20], 2, None)}
        assert best == {"c003", "c020"}
        found = full.search(NAME, vectors[0], 40, parse("brand_new = true"))
        assert [name for name, _ in found] == ["c003"]
        others = full.search(NAME, vectors[0], 40, parse("not brand_new = true"))
        assert len(others) == 39

    def test_an_id_twice_in_one_call_is_the_last(
        self, store: VectorStore, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """No duplicates come of it, and the last one holds."""
        last = replace(chunks[0], text="last")
        store.upsert(NAME, [chunks[0], chunks[1], last], vectors[:3])
        assert store.count(NAME) == 2
        assert store.get(NAME, ["c000"]) == [last]

    def test_what_is_deleted_is_gone(
        self, full: VectorStore, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """It is neither found, nor got, nor counted; the rest is untouched."""
        full.delete(NAME, ["c000", "c001", "nobody"])
        assert full.count(NAME) == 38
        assert full.get(NAME, ["c000", "c002"]) == [chunks[2]]
        assert "c000" not in {name for name, _ in full.search(NAME, vectors[0], 40, None)}

    def test_collections_do_not_mix(
        self, full: VectorStore, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """The next version beside this one changes nothing here, and outlives it."""
        full.upsert("kb-next", chunks[:5], vectors[:5])
        assert full.collections() == [NAME, "kb-next"]
        assert len(full.search("kb-next", vectors[9], 40, None)) == 5
        full.drop(NAME)
        assert full.collections() == ["kb-next"]
        assert full.count("kb-next") == 5
        assert full.search(NAME, vectors[0], 5, None) == []

    def test_another_reader_sees_what_is_there(
        self,
        full: VectorStore,
        reopened: Callable[[], VectorStore],
        chunks: list[Chunk],
        vectors: Vectors,
    ) -> None:
        """What was acknowledged is there for whoever opens the store next, while this one lives."""
        other = reopened()
        assert other.count(NAME) == 40
        assert other.get(NAME, ["c007"]) == [chunks[7]]
        assert other.search(NAME, vectors[7], 1, None)[0][0] == "c007"

    def test_threads_may_share_it(self, full: VectorStore, vectors: Vectors) -> None:
        """Searches at the same time do not disturb each other."""
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda row: full.search(NAME, row, 1, None), vectors))
        assert [each[0][0] for each in found] == [f"c{i:03}" for i in range(40)]
