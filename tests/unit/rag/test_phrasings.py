"""A question in several phrasings: what is asked, what is joined, what it costs."""

from __future__ import annotations

import json

import pytest

from mlwright.core.errors import ConfigError
from mlwright.rag.answer import Answerer, Question
from mlwright.rag.config_answers import Answers, Llm, Model
from mlwright.rag.llms.chain import Chain
from mlwright.rag.phrasings import joined, lines
from mlwright.rag.records import Hit, Usage
from mlwright.rag.retries import CallFailed
from mlwright.rag.spend import Budget

from .answer_fakes import FakeModel, Finder, chain, hits, server

LLM = Llm(provider="openai", model="gpt-4o")
SAID = "1. When is the money back?\n2) Refund time\n- refund time\nWhen are refunds paid?\n"


class Phraser(FakeModel):
    """Phrases first, and answers after that."""

    def complete(self, messages, options):
        self.text = SAID if "other ways to ask" in messages[0]["content"] else "Two weeks."
        self.options = options
        return super().complete(messages, options)


class ByText(Finder):
    """Finds another order for each text."""

    def find(self, query, k=None, where=None):
        self.asked.append((query, k, where))
        one, two, three = self.found
        return [one, two] if query.startswith("When are") else [three, two]


def test_every_phrasing_is_searched_and_the_ranks_are_joined():
    finder, model = ByText(), Phraser()
    asked = Question("When are refunds paid?", 3, "year > 2020")
    answer = Answerer(finder, LLM, chain=chain(model), phrasings=2).ask(asked)
    assert finder.asked == [
        (text, 3, "year > 2020")
        for text in ("When are refunds paid?", "When is the money back?", "Refund time")
    ]
    assert [hit.chunk.id for hit in answer.hits] == ["c2", "c3", "c1"]
    assert [hit.rank for hit in answer.hits] == [1, 2, 3]
    assert answer.usage == Usage(2000, 200)  # of the phrasings and of the answer
    assert answer.cost == pytest.approx(2 * 0.0035)
    assert set(answer.timings_ms) == {"phrase", "find", "llm", "total"}


def test_the_conversation_goes_with_the_question():
    model = Phraser()
    history = ({"role": "user", "content": "Books?"}, {"role": "assistant", "content": "Yes."})
    answerer = Answerer(Finder(), LLM, Answers(history=2), chain=chain(model), phrasings=1)
    answerer.retrieved(Question("And refunds?", history=history))
    (messages,) = model.messages
    assert [each["content"] for each in messages[1:]] == ["Books?", "Yes.", "And refunds?"]
    assert "Write 1 other ways" in messages[0]["content"]
    assert model.options == {"max_tokens": 60}


def test_a_model_that_cannot_phrase_leaves_the_question():
    finder = Finder()
    model = FakeModel(error=CallFailed("down", passing=True))
    answerer = Answerer(finder, LLM, chain=chain(model), phrasings=3)
    found = answerer.retrieved(Question("refunds", 2))
    assert [query for query, _, _ in finder.asked] == ["refunds"]
    assert len(found.hits) == 2
    assert found.cost == 0.0


def test_phrasings_are_paid_from_the_day_s_budget(tmp_path):
    budget = Budget(tmp_path / "spend.db", 1.0)
    answerer = Answerer(Finder(), LLM, chain=chain(Phraser()), phrasings=2, budget=budget)
    answerer.retrieved(Question("refunds"))
    assert budget.spent() == pytest.approx(0.0035)


def test_without_a_language_model_phrasings_are_refused():
    with pytest.raises(ConfigError) as caught:
        Answerer(Finder(), phrasings=2)
    assert str(caught.value) == (
        "the configuration: retrieval.phrasings: needs a language model, and llm names none"
    )
    assert caught.value.hint == (
        "llm: {provider: openai, model: gpt-4o-mini}; retrieval.feedback needs none"
    )


def test_what_a_model_writes_around_phrasings_goes():
    assert lines('"One?"\n\n * two\n' + "x" * 400, "Three") == ["One?", "two"]
    assert lines("", "Three") == []


def test_the_best_part_of_a_score_is_kept():
    one, two, _ = hits()
    again = Hit(one.chunk, 0.1, 2, {"dense": 0.9, "sparse": 3.0})
    found = joined([[one, two], [two, again]], 5)
    assert found[0].scores == {"dense": 0.9, "sparse": 3.0}
    assert len(found) == 2


def test_a_server_is_asked_for_phrasings_as_for_answers():
    pytest.importorskip("openai")
    message = {"role": "assistant", "content": SAID}
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }
    finder = Finder()
    with server() as fake:
        fake.answers = [(200, {}, json.dumps(body).encode())]
        model = Model(provider="openai_compatible", model="m", url=f"{fake.url}/v1")
        llm = Llm(**model.model_dump())
        found = Answerer(finder, llm, chain=Chain.of(llm), phrasings=2).retrieved(Question("a b"))
    ((path, _, sent),) = fake.requests
    assert (path, sent["max_tokens"]) == ("/v1/chat/completions", 120)
    assert sent["messages"][-1] == {"role": "user", "content": "a b"}
    assert [query for query, _, _ in finder.asked][1:] == [
        "When is the money back?",
        "Refund time",
    ]
    assert found.usage == Usage(12, 3)
    assert found.cost is None  # nobody knows the price of m
