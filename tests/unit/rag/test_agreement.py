"""Whether the judge says what people say."""

from __future__ import annotations

import json

import pytest

from mlwright.core.errors import DataError, NotFound
from mlwright.rag.agreement import kappa, measure_agreement, read_labelled
from mlwright.rag.judge import Judge

from .answer_fakes import FakeModel, chain

ROW = {
    "query": "When are refunds paid?",
    "answer": "Within fourteen days.",
    "contexts": ["Refunds are paid within fourteen days of receipt."],
    "human": {"faithfulness": True, "answer_relevancy": 0.9},
}
MADE_UP = {**ROW, "answer": "Dragons guard every warehouse.", "human": {"faithfulness": False}}
GENEROUS = {**MADE_UP, "human": {"faithfulness": 1}}


def written(tmp_path, rows) -> object:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(rows))
    return path


def test_signals_and_people_are_compared_by_measure(tmp_path):
    rows = read_labelled(written(tmp_path, [ROW, MADE_UP, GENEROUS]))
    found = measure_agreement(rows)["faithfulness"]
    assert (found.agreed.value, found.agreed.n) == (pytest.approx(2 / 3), 3)
    assert found.kappa == pytest.approx(0.4)
    assert found.to_json()["unmeasured"] == 0


def test_a_judge_that_gives_no_verdict_is_unmeasured(tmp_path):
    rows = read_labelled(written(tmp_path, [ROW]))
    found = measure_agreement(rows, judge=Judge(chain(FakeModel("well, yes"))))
    assert (found["faithfulness"].agreed, found["faithfulness"].unmeasured) == (None, 1)
    found = measure_agreement(rows, judge=Judge(chain(FakeModel('{"verdicts": [true]}'))))
    assert found["answer_relevancy"].agreed.value == 1.0
    assert found["answer_relevancy"].kappa is None  # one side alone says nothing of chance


def test_kappa_is_agreement_beyond_chance():
    assert kappa([(True, True), (False, False)] * 5) == 1.0
    assert kappa([(True, False), (False, True)] * 5) == -1.0
    assert kappa([]) is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "is not a list of answers"),
        ([3], "answer 1: has no query, answer, contexts and human"),
        ([{**ROW, "contexts": "text"}], "answer 1: has no query, answer, contexts and human"),
        ([ROW, {**ROW, "human": {"charm": 1}}], r"answer 2: human\.charm is no measure"),
        (
            [{**ROW, "human": {"faithfulness": 7}}],
            r"human\.faithfulness is no measure with a label",
        ),
    ],
)
def test_what_is_no_label_is_told_with_its_place(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        read_labelled(written(tmp_path, rows))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFound, match="there is no such file"):
        read_labelled(tmp_path / "none.json")
    (tmp_path / "half.json").write_text("[{")
    with pytest.raises(DataError, match="is not JSON in UTF-8"):
        read_labelled(tmp_path / "half.json")
