"""Measures of answers: by signals, by a judge, and what is counted apart."""

from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError
from mlwright.rag import signals
from mlwright.rag.answer import Answerer
from mlwright.rag.answer_quality import LOCAL, checked_measures, measure_answers
from mlwright.rag.config_answers import Llm
from mlwright.rag.evidence import calibrated, evidence
from mlwright.rag.judge import Judge, Judged, Unmeasured, read_verdicts
from mlwright.rag.questions import TestQuestion
from mlwright.rag.retries import CallFailed

from .answer_fakes import TEXTS, FakeModel, Finder, chain, hits

QUESTIONS = [
    TestQuestion("1", "When are refunds paid?", answer="Within fourteen days of receipt."),
    TestQuestion("2", "How long does shipping take?", answer="Three days in Europe."),
    TestQuestion("3", "When is the shop open?"),
]


def test_what_documents_do_not_say_is_not_faithful():
    contexts = list(TEXTS.values())
    good = "Refunds are paid within fourteen days of receipt [1]."
    assert signals.faithfulness(good, contexts) == 1.0
    assert signals.faithfulness(f"{good} Dragons guard every warehouse door [1].", contexts) == 0.5
    assert signals.faithfulness("[1]", contexts) is None


def test_precision_looks_at_the_order():
    assert signals.context_precision([True, False]) == 1.0
    assert signals.context_precision([False, True]) == 0.5
    assert signals.context_precision([False]) == 0.0
    assert signals.context_precision([]) is None


def test_without_a_judge_the_method_says_so_and_what_has_no_reference_is_apart():
    found = measure_answers(Answerer(Finder()), QUESTIONS)
    assert found.method == LOCAL
    assert found.kinds == {"extractive": 3}
    assert found.metrics["faithfulness"].n == 3
    assert found.metrics["faithfulness"].value == 1.0
    assert found.metrics["context_recall"].n == 2
    assert found.unmeasured == {
        name: {"no reference answer": 1}
        for name in ("context_precision", "context_recall", "correctness")
    }
    assert found.suggested_minimum is None  # three questions say nothing
    told = found.to_json()
    assert told["metrics"]["faithfulness"] == {
        "value": 1.0,
        "low": pytest.approx(0.4385, abs=1e-4),
        "high": 1.0,
        "n": 3,
    }


def test_not_knowing_is_unmeasured_for_faithfulness_and_wrong_for_correctness():
    found = measure_answers(Answerer(Finder([])), QUESTIONS)
    assert found.unmeasured["faithfulness"] == {"it said that it does not know": 3}
    assert "faithfulness" not in found.metrics
    assert found.metrics["correctness"].value == 0.0


def test_answers_that_fail_are_counted_and_the_rest_goes_on():
    model = FakeModel(error=CallFailed("down", passing=True))
    made = Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(model))
    found = measure_answers(made, QUESTIONS, measures=["faithfulness"])
    assert (found.kinds, found.metrics) == ({"failed": 3}, {})
    assert found.unmeasured == {"faithfulness": {"no answer": 3}}


def test_a_judge_scores_by_its_verdicts():
    model = FakeModel('```json\n{"verdicts": [true, true, false]}\n```')
    judge = Judge(chain(model))
    judged = Judged("Q?", "A.", tuple(TEXTS.values()), "R.")
    assert judge.score("faithfulness", judged) == pytest.approx(2 / 3)
    assert judge.score("context_precision", judged) == 1.0
    system, user = model.messages[0]
    assert "Split the answer into its single statements" in system["content"]
    assert "Reference answer:\nR." in user["content"]
    assert judge.usage.prompt_tokens == 2000
    assert len(judge.version) == 8


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I think it is fine.", "the judge gave no verdict"),
        ('{"verdicts": []}', "the judge gave no verdict"),
        ('{"verdicts": true}', "the judge gave no verdict"),
        ('{"verdicts": [1, null]}', "the judge's verdicts are neither true nor false"),
        ("[1, 2]", "the judge gave no verdict"),
    ],
)
def test_what_is_no_verdict_is_unmeasured_and_never_a_number(said, reason):
    with pytest.raises(Unmeasured, match=reason):
        read_verdicts(said)
    judge = Judge(chain(FakeModel(said)))
    found = measure_answers(Answerer(Finder()), QUESTIONS, measures=["faithfulness"], judge=judge)
    assert found.metrics == {}
    assert found.unmeasured == {"faithfulness": {reason: 3}}
    assert found.method == f"judge, prompts {judge.version}"


def test_measures_are_checked_by_name():
    assert checked_measures(["faithfulness"]) == ("faithfulness",)
    with pytest.raises(ConfigError, match="did you mean 'faithfulness'"):
        checked_measures(["faithfulnes"])


def test_evidence_is_the_best_cosine_else_the_words():
    assert evidence(hits(0.8), "refunds") == 0.8
    bare = [type(h)(h.chunk, h.score, h.rank, {}) for h in hits()]
    assert evidence(bare, "refunds fourteen dragons") == pytest.approx(2 / 3)
    assert evidence([], "refunds") == 0
    assert calibrated([0.5] * 19) is None
    assert calibrated([0.1, *[0.5] * 39]) == 0.5
