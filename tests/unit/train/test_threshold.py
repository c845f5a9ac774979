import numpy as np
import pytest

from mlwright.train.choices import Choices
from mlwright.train.fit import train
from mlwright.train.threshold import choose_threshold, one_sided


def test_the_rules_of_a_threshold():
    truth, scores = [0, 0, 1, 1, 0, 1], np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    chosen = {
        rule: choose_threshold(rule, truth, scores, weights=None)
        for rule in ("0.35", "f1", "cost:fp=1,fn=9", "cost: fp=9, fn=1")
    }
    assert chosen["0.35"] == 0.35
    assert chosen["f1"] == chosen["cost:fp=1,fn=9"] == 0.25
    assert chosen["cost: fp=9, fn=1"] == pytest.approx(0.8)


SCORES = np.linspace(0, 1, 1000)
TRUTH = np.arange(1000) % 2


@pytest.mark.parametrize(
    ("threshold", "rule", "found"),
    [
        (0.0, "f1", "the threshold 0 (f1) calls 1,000 of 1,000 rows"),
        (0.005, "f1", "the threshold 0.005 (f1) calls 995 of 1,000 rows"),
        (0.999, "0.999", "the threshold 0.999 (0.999) calls 1 of 1,000 rows"),
        (2.0, "accuracy", "the threshold 2 (accuracy) calls 0 of 1,000 rows"),
    ],
)
def test_a_threshold_that_decides_nothing_is_said(threshold, rule, found):
    assert one_sided(threshold, TRUTH, SCORES, rule=rule, label="yes") == (
        f"{found} out of fold 'yes', so it hardly decides anything: set model.threshold to a cost, "
        "such as cost:fp=1,fn=5, or give columns that tell the classes apart"
    )


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.98])
def test_one_that_tells_some_rows_apart_is_let_be(threshold):
    assert one_sided(threshold, TRUTH, SCORES, rule="f1", label="yes") == ""


def test_a_rare_class_that_is_found_is_no_doubt():
    truth = np.arange(1000) < 3
    assert one_sided(0.5, truth, truth.astype(float), rule="f1", label=1) == ""


def test_it_is_told_in_the_run_and_in_the_card(workspace, churn):
    said = []
    found = train(
        workspace,
        churn,
        target="Churn",
        name="c",
        algorithm="linear",
        choices=Choices(threshold="0.00001"),
        baselines=False,
        say=said.append,
    )
    (told,) = [notice for notice in found.notices if notice.startswith("the threshold")]
    assert "calls 400 of 400 rows out of fold 'Yes'" in told
    assert f"notice: {told}" in said
    assert told in found.to_json()["notices"]
    card = (found.bundle.path / "card.md").read_text()
    assert f"T{told[1:40]}" in card
    assert "Its decisions hardly tell the classes apart" in card
    good = train(workspace, churn, target="Churn", name="c", algorithm="linear", baselines=False)
    assert not [notice for notice in good.notices if notice.startswith("the threshold")]
    assert "hardly" not in (good.bundle.path / "card.md").read_text()
