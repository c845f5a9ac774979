import numpy as np
import pytest

from mlwright.core.errors import ConfigError, DataError
from mlwright.rag import sparse
from mlwright.rag.config_finding import Retrieval
from mlwright.rag.evaluate import compare, evaluate
from mlwright.rag.find import Dense, Finder
from mlwright.rag.questions import TestQuestion as Question
from mlwright.rag.records import Chunk
from mlwright.rag.stores.memory import MemoryStore

TEXTS = {
    "refunds": "A refund is paid within ten days of the return.",
    "shipping": "Parcels are shipped on the next working day.",
    "wings": "The lift of a wing grows with its angle of attack.",
}


class Embedder:
    """Knows three meanings, whatever the words."""

    name, dimension, max_tokens = "fake", 3, 100
    meanings = (("refund", "money"), ("ship", "parcel"), ("wing", "fly"))

    def embed(self, texts, role):
        rows = [
            [0.1 + any(w in t.lower() for w in words) for words in self.meanings] for t in texts
        ]
        found = np.array(rows, dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def tokens(self, text):
        return len(text.split())


class Chunks:
    def __init__(self, chunks):
        self.chunks = {chunk.id: chunk for chunk in chunks}

    def get(self, ids):
        return [self.chunks[name] for name in ids if name in self.chunks]

    def neighbours(self, chunk, before=1, after=1):
        return [chunk]


@pytest.fixture
def chunks():
    return [
        Chunk(name, name, f"docs/{name}.md", name, text, 0, len(text), metadata={"year": 2020 + i})
        for i, (name, text) in enumerate(TEXTS.items())
    ]


@pytest.fixture
def finder(chunks, tmp_path):
    sparse.build(tmp_path, chunks)
    store, embedder = MemoryStore(), Embedder()
    store.upsert("kb", chunks, embedder.embed([chunk.text for chunk in chunks], "document"))

    def make(**settings):
        dense = Dense(embedder, store, "kb")
        index = sparse.SparseIndex.open(tmp_path)
        return Finder(Chunks(chunks), index, dense, settings=Retrieval(**settings))

    return make


@pytest.mark.parametrize("strategy", ["hybrid", "dense", "sparse"])
def test_the_right_chunk_is_first_whichever_way(finder, strategy):
    hits = finder(strategy=strategy).find("when is a refund paid", 2)
    assert hits[0].chunk.id == "refunds"
    assert hits[0].rank == 1
    assert set(hits[0].scores) == {"dense", "sparse"} - {
        {"dense": "sparse", "sparse": "dense"}.get(strategy)
    }


def test_meaning_finds_what_words_do_not(finder):
    assert finder(strategy="sparse").find("money back") == []
    assert finder(strategy="hybrid").find("money back")[0].chunk.id == "refunds"


@pytest.mark.parametrize("strategy", ["hybrid", "dense", "sparse"])
def test_a_filter_holds_for_every_way(finder, strategy):
    hits = finder(strategy=strategy).find("refund parcels wing", 5, "year >= 2021")
    assert {hit.chunk.id for hit in hits} == {"shipping", "wings"}


def test_a_threshold_drops_what_is_far(finder):
    assert len(finder(strategy="dense").find("fly")) == 3
    assert [h.chunk.id for h in finder(strategy="dense", threshold=0.8).find("fly")] == ["wings"]


def test_options_work_together(finder):
    settings = {"fusion": "weighted", "mmr": 0.5, "feedback": 1, "compress": 1, "expand": 1}
    hit = finder(**settings).find("refund of the return")[0]
    assert hit.chunk.text == TEXTS["refunds"]


def test_an_index_without_vectors_refuses_dense(chunks, tmp_path):
    sparse.build(tmp_path, chunks)
    index = sparse.SparseIndex.open(tmp_path)
    with pytest.raises(ConfigError) as caught:
        Finder(Chunks(chunks), index, settings=Retrieval(strategy="dense"))
    assert str(caught.value) == (
        "retrieval.strategy: dense needs vectors, and the index was made without"
    )
    assert Finder(Chunks(chunks), index).find("refund")[0].chunk.id == "refunds"


def test_an_empty_index_finds_nothing(tmp_path):
    sparse.build(tmp_path, [])
    assert sparse.SparseIndex.open(tmp_path).search("refund", 5) == []


QUESTIONS = [
    Question("1", "refund", {"refunds.md": 1}, category="money"),
    Question("2", "fly with a wing", {"wings": 1}, category="air"),
    Question("3", "money back", {"docs/refunds.md": 1}, category="money"),
    Question("4", "nobody knows", {}),
]


def test_evaluation_counts_the_unmeasured_apart_and_compares(finder):
    both = evaluate(finder(), QUESTIONS, k=1)
    words = evaluate(finder(strategy="sparse"), QUESTIONS, k=1)
    assert both.metrics["recall@1"].value == 1
    assert words.metrics["recall@1"].value == pytest.approx(2 / 3)
    assert both.unmeasured == {"no label": 1}
    assert [each.query for each in words.worst] == ["money back"]
    assert words.worst[0].found == ()
    assert words.categories["money"]["mrr"].value == 0.5
    assert compare(both, words)["mrr"].value == pytest.approx(1 / 3)


def test_questions_without_any_label_are_refused(finder):
    with pytest.raises(DataError) as caught:
        evaluate(finder(), QUESTIONS[3:], k=1)
    assert str(caught.value) == "none of 1 questions could be measured: 1 no label"
