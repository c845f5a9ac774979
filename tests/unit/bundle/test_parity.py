import re
from dataclasses import replace

import numpy as np
import pytest

from mlwright.bundle import compile as compiling
from mlwright.bundle import parity
from mlwright.bundle.expressions import parse
from mlwright.bundle.forests.lightgbm import read
from mlwright.bundle.plan import Derived, NumberStep, OneHotStep, Plan, TargetStep, TfidfStep
from mlwright.bundle.write import write
from mlwright.core.signature import Signature

BINARY = Signature((), "binary", "y", ("No", "Yes"))
REGRESSION = Signature((), "regression", "y")


class Given:
    def __init__(self, scores):
        self.given = np.array(scores, float)

    def scores(self, matrix):
        return self.given


def compare(expected, found, signature=BINARY):
    rows = np.zeros((1, 1))
    return parity.compare(
        Given(expected),
        Given(found),
        real=rows,
        edges=rows,
        signature=signature,
        threshold=0.5,
    )


def test_equal_scores_pass():
    assert compare([0.1, 0.9], [0.1, 0.9 + 1e-7]).passed


def test_a_difference_over_the_tolerance_is_refused():
    found = compare([0.1, 0.9], [0.1, 0.9 + 2e-6])
    assert found.reason == "scores differ from the original's by up to 2e-06, over 1e-06"
    assert found.flipped == 0


def test_a_flip_within_the_tolerance_is_refused():
    found = compare([0.1, 0.5], [0.1, 0.5 - 1e-12])
    assert found.reason == "1 decisions differ from the original's"


@pytest.mark.parametrize("scores", [[np.nan, 0.9], [np.inf, 0.9]])
def test_a_score_that_is_no_number_is_refused(scores):
    assert not compare([0.9, 0.9], scores).passed
    assert not compare(scores, [0.9, 0.9]).passed


def test_null_on_both_sides_is_equal():
    assert compare([np.nan, 0.9], [np.nan, 0.9]).passed


def test_regressions_are_compared_relatively():
    assert compare([1e6, 1.0], [1e6 + 0.5, 1.0], REGRESSION).passed
    assert not compare([1e6, 1.0], [1e6, 1.00001], REGRESSION).passed


def test_scores_of_another_shape_are_refused():
    found = compare([0.1, 0.9], [[0.1], [0.9]])
    assert found.reason == "scores of the shape (2, 1) where the original has (2,)"


def test_edge_rows_hold_nulls_the_unseen_splits_and_their_neighbours():
    plan = Plan((NumberStep("a"), OneHotStep("b", ("x", "y"))))
    columns = {"a": np.array([1.0, 2.0]), "b": np.array(["x", "y"], object)}
    rows = parity.edge_rows(plan, columns, [(0, 0.1)])
    values = set(rows[:, 0])
    single = np.float32(0.1)
    assert {0.1, np.nextafter(0.1, 1), np.nextafter(0.1, 0), float(single)} <= values
    assert {float(np.nextafter(single, np.float32(1))), 1e30, -1e30} <= values
    assert np.isnan(rows[:, 0]).any()
    assert (rows[:, 1:] == 0).all(axis=1).any()  # an unseen category, and a null
    assert set(rows[:, 1]) == {0.0, 1.0}  # never a value that the plan cannot make


def test_edge_rows_of_texts_means_and_derived_columns():
    plan = Plan(
        (
            TfidfStep("t", ("now", "call"), (1.0, 2.0)),
            TargetStep("c", ("x", None), ((0.1,), (0.9,)), (0.4,)),
            NumberStep("r"),
        ),
        (Derived("r", parse("length(t) / 2", {"t": "text"})),),
    )
    columns = {"t": np.array(["call now", "now"], object), "c": np.array(["x", None], object)}
    rows = parity.edge_rows(plan, columns, [(1, 0.3), (2, 0.2), (3, 2.0)])
    assert {0.1, 0.9, 0.4, 0.2, np.nextafter(0.2, 1)} <= set(rows[:, 2])
    assert {0.0, 1.0, 0.3, np.nextafter(0.3, 0)} <= set(rows[:, 1])
    assert {1e300, -1e300, 2.0} <= set(rows[:, 3])
    assert np.isnan(rows[:, 3]).any()
    assert (rows[:, :2] == 0).all(axis=1).any()  # a text without a known word
    assert np.abs(rows[:, :2]).max() <= 1  # never a weight far beyond what the plan can make


def test_wide_plans_are_compared_on_fewer_rows_at_splits(monkeypatch):
    monkeypatch.setattr(parity, "MOST_SPLIT_CELLS", 4000)
    terms = tuple(f"w{n}" for n in range(40))
    plan = Plan((TfidfStep("t", terms, (1.0,) * 40),))
    splits = [(n % 40, n / 1000) for n in range(1000)]
    rows = parity.edge_rows(plan, {"t": np.array(["w1", "w2"], object)}, splits)
    assert 100 < len(rows) < 250


def test_very_many_splits_are_thinned():
    splits = [(0, float(i)) for i in range(50_000)]
    rows = parity.edge_rows(Plan((NumberStep("a"),)), {"a": np.zeros(3)}, splits)
    assert 0.9 * parity.MOST_SPLIT_ROWS < len(rows) <= parity.MOST_SPLIT_ROWS + 100


def falls_back(example, tmp_path, monkeypatch, spoil):
    def wrong(data):
        return read(spoil(data.decode()).encode())

    monkeypatch.setattr(compiling.forests, "reader", lambda runtime: wrong)
    bundle = write(example.draft, tmp_path)
    assert bundle.runtime == "lightgbm"
    assert any(package.startswith("lightgbm==") for package in bundle.requirements)
    matrix = example.draft.plan.encode(example.columns)
    scores = bundle.model().scores(example.columns)
    assert np.array_equal(scores, example.booster.predict(matrix))
    return bundle.parity


def test_a_wrong_leaf_falls_back_to_the_booster(example, tmp_path, monkeypatch):
    def spoil(text):
        return re.sub(r"leaf_value=\S+", "leaf_value=0.9", text, count=1)

    found = falls_back(example, tmp_path, monkeypatch, spoil)
    assert found["compiled"] is False
    assert found["passed"] is False
    assert found["difference"] > 1e-3
    assert "original's" in found["reason"]


def test_thresholds_rounded_to_float32_are_found_by_the_edge_rows(example, tmp_path, monkeypatch):
    def spoil(text):
        def rounded(match):
            numbers = [repr(float(np.float32(part))) for part in match[1].split()]
            return f"\nthreshold={' '.join(numbers)}\n"

        return re.sub(r"\nthreshold=(.*)\n", rounded, text)

    found = falls_back(example, tmp_path, monkeypatch, spoil)
    assert found["rows"] == 400
    assert found["edge_rows"] > 100
    assert found["difference"] > parity.TOLERANCE


def test_a_graph_that_does_not_load_falls_back(example, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "to_onnx", lambda forest, features: b"no graph")
    bundle = write(example.draft, tmp_path)
    assert bundle.runtime == "lightgbm"
    assert bundle.parity["reason"].startswith("the ONNX model cannot be read: ")


def test_a_model_without_an_exact_graph_keeps_the_booster(example, tmp_path):
    text = example.draft.source.text.replace("objective=binary", "objective=poisson")
    source = replace(example.draft.source, text=text)
    bundle = write(replace(example.draft, source=source), tmp_path)
    assert bundle.runtime == "lightgbm"
    assert bundle.parity["reason"] == "its objective is poisson sigmoid:1"
