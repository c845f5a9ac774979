"""The search for a better configuration: what it tries, what it tells apart, how it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.rag import tuning
from mlwright.rag.config import Chunking, Documents, RagConfig
from mlwright.rag.config_finding import Rerank, Retrieval
from mlwright.rag.parts import Making
from mlwright.rag.questions import TestQuestion
from mlwright.rag.sparse import build as write_sparse
from mlwright.rag.tuning_choice import DEPTHS, Row, choose, hits_wanted
from mlwright.rag.tuning_space import candidates

from .conftest import WordEmbedder

WORDS = ["apple", "bridge", "cactus", "desert", "engine", "forest", "garden", "harbour"]
WORDS += ["island", "jungle", "kettle", "lantern", "meadow", "needle", "orchard", "piano"]


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    (tmp_path / "w").mkdir()
    return Workspace.create(tmp_path / "w")


@pytest.fixture
def config(tmp_path) -> RagConfig:
    """A document a word, in which it stands far from the beginning, among words of all."""
    folder = tmp_path / "docs"
    folder.mkdir()
    rng = np.random.default_rng(7)
    for word in WORDS:
        around = " ".join(rng.choice(WORDS, 60))
        (folder / f"{word}.txt").write_text(f"{around}. The {word} is where {word} was.")
    return RagConfig(
        name="t",
        documents=Documents(path=folder),
        chunking=Chunking(size=200, overlap=0),
        retrieval=Retrieval(strategy="dense", k=3),
    )


@pytest.fixture
def embedder(monkeypatch) -> WordEmbedder:
    found = WordEmbedder()
    making = Making(found, None, write_sparse)
    monkeypatch.setattr(tuning, "open_making", lambda *_: making)
    return found


QUESTIONS = [TestQuestion(w, f"where is the {w}", {f"{w}.txt": 1}) for w in WORDS]


def rows(qualities, recall=1.0) -> dict[str, Row]:
    return {
        f"{place:03}": Row(quality, (recall,) * len(DEPTHS), (10,) * len(DEPTHS), 1.0)
        for place, quality in enumerate(qualities)
    }


def test_what_is_tried_begins_with_the_present_and_repeats_nothing():
    present = RagConfig(chunking=Chunking(size=1000, overlap=200))
    plan = candidates(present, embedded=True, recut=True)
    assert (plan[0].chunking, plan[0].retrieval) == (present.chunking, present.retrieval)
    assert len({json.dumps(each.to_json()) for each in plan}) == len(plan) == 6 * 5
    assert {each.chunking.size for each in plan} == {500, 1000, 2000}
    assert {each.retrieval.strategy for each in plan} == {"hybrid", "dense", "sparse"}
    assert len(candidates(present, embedded=True, recut=False)) == 5


def test_without_vectors_words_alone_are_tried():
    plan = candidates(RagConfig(), embedded=False, recut=False)
    assert [str(each) for each in plan] == [
        "1000/200 hybrid, rrf",
        "1000/200 sparse",
        "1000/200 sparse, feedback 3",
    ]


def test_a_reranker_is_tried_with_and_without():
    config = RagConfig(retrieval=Retrieval(rerank=Rerank(provider="cohere")))
    plan = candidates(config, embedded=True, recut=False)
    assert sum(each.retrieval.rerank is None for each in plan) == 5
    assert str(plan[0]) == "1000/200 hybrid, rrf, rerank cohere"


def test_what_only_luck_makes_best_is_within_noise():
    rng = np.random.default_rng(3)
    same = [rows(rng.uniform(0, 1, 60)) for _ in range(30)]
    assert not choose(same, folds=5, seed=0).is_better
    # By the highest mean alone it would look better:
    best = choose(same, folds=5, seed=0).best
    means = [np.mean([row.quality for row in each.values()]) for each in same]
    assert means[best] - means[0] > 0.05


def test_of_equals_the_present_one_stays():
    found = choose([rows([0.5] * 20), rows([0.5] * 20)], folds=5, seed=0)
    assert (found.best, found.is_better, found.gain.value) == (0, False, 0.0)


def test_more_hits_are_wanted_only_where_they_find_more():
    rng = np.random.default_rng(1)
    flat = rows([1.0] * 40)
    assert hits_wanted(flat, 5, seed=0)[0] == 1
    rising = {
        str(place): Row(1.0, tuple(np.sort(rng.uniform(0, 1, 8))), (0,) * 8, 1.0)
        for place in range(40)
    }
    assert hits_wanted(rising, 3, seed=0)[0] == 20
    assert hits_wanted(rising, 7, seed=0)[1] is None
    few = {str(place): rising[str(place)] for place in range(3)}
    noisy = {
        name: Row(1.0, (*row.recall[:3], 0.5, 0.5, 0.5, 0.5, 0.56), (), 1.0)
        for name, row in few.items()
    }
    noisy["2"] = Row(1.0, (0.6,) * 8, (), 1.0)
    assert hits_wanted(noisy, 5, seed=0)[0] <= 20


def test_a_search_finds_what_is_better_and_goes_on_where_it_was(workspace, config, embedder):
    said: list[str] = []
    found = tuning.tune(workspace, config, QUESTIONS, say=said.append)
    assert found.planned == len(found.tried) > 20
    assert found.tried[0].candidate.retrieval == config.retrieval
    assert found.choice.is_better  # words find what 16 numbers a text cannot
    assert "sparse" in str(found.chosen.candidate) or "hybrid" in str(found.chosen.candidate)
    assert found.better.retrieval.strategy != "dense"
    assert found.better.name == "t"
    told = found.to_json()
    assert told["within_noise"] is False
    assert told["gain"]["low"] > 0
    assert told["present"]["ndcg@10"]["n"] == len(WORDS)
    tokens = [each["context_tokens"] for each in told["best"]["by_hits"]]
    assert tokens == sorted(tokens)
    recalls = [each["recall"] for each in told["best"]["by_hits"]]
    assert recalls == sorted(recalls)

    asked = len(embedder.asked)
    said.clear()
    again = tuning.tune(workspace, config, QUESTIONS, say=said.append)
    assert said == []
    assert len(embedder.asked) == asked  # nothing was measured again
    assert again.to_json()["candidates"] == told["candidates"]


def test_no_time_measures_the_present_one_and_says_so(workspace, config, embedder):
    said: list[str] = []
    found = tuning.tune(workspace, config, QUESTIONS, timeout=0.0, say=said.append)
    assert (len(found.tried), found.chosen) == (1, found.tried[0])
    assert said[-1] == "the time is over; run the command again to go on from here"
    (file,) = (workspace.folder / "rag" / "tune").iterdir()
    with file.open("a") as half:
        half.write('{"candidate": {"chun')  # killed in the middle of a line
    on = tuning.tune(workspace, config, QUESTIONS[:], timeout=1000.0)
    assert len(on.tried) == on.planned


def test_other_documents_are_another_search(workspace, config, embedder):
    tuning.tune(workspace, config, QUESTIONS, timeout=0.0)
    Path(config.documents.path, "more.txt").write_text("Another text about rivers and bridges.")
    tuning.tune(workspace, config, QUESTIONS, timeout=0.0)
    assert len(list((workspace.folder / "rag" / "tune").iterdir())) == 2


def test_too_few_questions_tell_nothing_apart(workspace, config):
    with pytest.raises(DataError, match="9 of 10 questions have a label, and a search needs 10"):
        tuning.tune(workspace, config, [*QUESTIONS[:9], TestQuestion("x", "why")])


def test_labels_of_chunks_keep_the_way_to_cut(workspace, config, embedder):
    from mlwright.rag.tuning_corpus import chunks_of, read_corpus

    corpus = read_corpus(config, lambda _: None)
    chunks = list(chunks_of(corpus, config.chunking, tuning.open_making()))
    asked = [TestQuestion(c.id, c.text[:60], {c.id: 1}) for c in chunks[:20]]
    found = tuning.tune(workspace, config, asked)
    assert {str(each.candidate).split()[0] for each in found.tried} == {"200/0"}
    assert found.chosen.quality.value > 0.7
