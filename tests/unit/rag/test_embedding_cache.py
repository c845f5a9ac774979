"""What was embedded is kept by its content, and within bounds."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import pytest

from mlwright.rag.embedding_cache import CachedEmbedder

from .conftest import WordEmbedder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "embeddings.db"


def test_a_text_is_embedded_once(path):
    model = WordEmbedder()
    cached = CachedEmbedder(model, path)
    first = cached.embed(["one", "two", "one"], "document")
    assert sorted(model.asked) == ["one", "two"]
    again = CachedEmbedder(model, path)
    np.testing.assert_array_equal(again.embed(["two", "one"], "document"), first[[1, 0]])
    assert (len(model.asked), cached.asked, again.asked) == (2, 2, 0)
    assert again.embed([], "document").shape == (0, 16)
    cached.close()
    again.close()


def test_questions_are_not_kept(path):
    model = WordEmbedder()
    cached = CachedEmbedder(model, path)
    cached.embed(["why"], "query")
    cached.embed(["why"], "query")
    assert model.asked == ["why", "why"]
    cached.close()


def test_another_model_has_other_vectors(path):
    one, other = WordEmbedder(), WordEmbedder()
    other.name = "words@2"
    for model in (one, other):
        cached = CachedEmbedder(model, path)
        cached.embed(["text"], "document")
        cached.close()
    assert (one.asked, other.asked) == (["text"], ["text"])


def test_the_oldest_go_when_it_is_full(path):
    model = WordEmbedder()
    cached = CachedEmbedder(model, path, most_bytes=3 * (16 * 4 + 100))
    for text in ("a", "b", "c", "d"):
        cached.embed([text], "document")
    model.asked.clear()
    cached.embed(["b", "c", "d"], "document")
    assert model.asked == []
    cached.embed(["a"], "document")
    assert model.asked == ["a"]
    cached.close()
    with sqlite3.connect(path) as file:
        assert file.execute("select count(*) from vectors").fetchone() == (3,)
    file.close()


def test_threads_may_share_it(path):
    cached = CachedEmbedder(WordEmbedder(), path)
    texts = [f"word{number}" for number in range(50)]
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(cached.embed(texts, "document")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for one in found:
        np.testing.assert_array_equal(one, found[0])
    cached.close()


def test_what_cannot_be_encoded_is_no_obstacle(path):
    model = WordEmbedder()
    model._vector = lambda _: np.eye(16, dtype=np.float32)[0]
    cached = CachedEmbedder(model, path)
    assert cached.embed(["half \ud800 a pair"], "document").shape == (1, 16)
    cached.close()


def test_progress_is_told_as_texts_are_ready(path):
    cached = CachedEmbedder(WordEmbedder(), path)
    texts = [f"word{number}" for number in range(40)]
    cached.embed(texts[:5], "document")
    told = []
    cached.done = told.append
    cached.embed(texts, "document")
    cached.close()
    assert told[:2] == [5, 16]  # known, and the first step
    assert sum(told) == 40
