import numpy as np
import pytest

from mlwright.bundle.model import Model
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Column, Signature

SIGNATURE = Signature(
    (
        Column("tenure", "number"),
        Column("charges", "number", nullable=True),
        Column("contract", "category"),
        Column("partner", "boolean"),
    ),
    "binary",
    "churn",
    ("No", "Yes"),
)
ROW = {"tenure": 3, "charges": None, "contract": "monthly", "partner": True}


class Given:
    """A runtime that gives back its first features."""

    def __init__(self, outputs=1):
        self.outputs = outputs

    def scores(self, matrix):
        return matrix[:, 0] if self.outputs == 1 else matrix[:, : self.outputs]


def model(signature=SIGNATURE, *, outputs=1, threshold=None):
    names = [f"s{i}" for i in range(outputs)]
    plan = Plan(tuple(NumberStep(name) for name in names))
    return Model(signature, plan, Given(outputs), threshold=threshold)


def problems(*rows):
    with pytest.raises(SignatureError) as caught:
        model().check_rows(rows)
    return caught.value.problems


def test_a_row_that_fits_passes():
    assert model().check_rows([ROW, {**ROW, "charges": 2.5, "tenure": -1e308}]) == 0


def test_unknown_columns_are_counted():
    assert model().check_rows([{**ROW, "more": 1, "<script>": 2}, ROW]) == 2


def test_every_missing_column_is_named():
    assert problems({"partner": True}) == {
        "tenure": "is missing",
        "charges": "is missing",
        "contract": "is missing",
    }


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("tenure", "40", "must be a number, got text"),
        ("tenure", "$1,234.50", "must be a number, as 1234.5 for $1,234.50, got text"),
        ("tenure", "99 €", "must be a number, as 1234.5 for $1,234.50, got text"),
        ("tenure", True, "must be a number, got a boolean"),
        ("tenure", None, "must not be null"),
        ("tenure", float("nan"), "must be a finite number"),
        ("tenure", float("-inf"), "must be a finite number"),
        ("tenure", 10**400, "must be a finite number"),
        ("charges", [1], "must be a number, got a list"),
        ("charges", {"a": 1}, "must be a number, got an object"),
        ("contract", 3, "must be text, got a number"),
        ("contract", None, "must not be null"),
        ("partner", 1, "must be true or false, got a number"),
        ("partner", "true", "must be true or false, got text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(column, value, reason):
    assert problems({**ROW, column: value}) == {column: reason}


def test_all_problems_at_once_with_the_first_row_of_each():
    found = problems(ROW, {**ROW, "tenure": "x"}, {**ROW, "tenure": None, "contract": 1})
    assert found == {
        "tenure": "must be a number, got text (row 1)",
        "contract": "must be text, got a number (row 2)",
    }


def test_the_message_holds_no_value():
    with pytest.raises(SignatureError) as caught:
        model().check_rows([{**ROW, "tenure": "secret"}])
    assert str(caught.value) == (
        "the rows do not fit the model: tenure: must be a number, got text"
    )
    assert caught.value.hint == "send every column of the model, each of its kind"


def test_the_positive_class_begins_at_the_threshold():
    answers = model(threshold=0.3).predict({"s0": np.array([0.29, 0.3, 0.31])})
    assert answers.prediction == ["No", "Yes", "Yes"]
    assert answers.scores.tolist() == [0.29, 0.3, 0.31]


def test_several_classes_take_the_most_probable():
    signature = Signature((), "multiclass", "kind", ("a", "b", "c"))
    rows = [{"s0": 0.2, "s1": 0.5, "s2": 0.3}, {"s0": 0.6, "s1": 0.2, "s2": 0.2}]
    answers = model(signature, outputs=3).predict_rows(rows)
    assert answers.prediction == ["b", "a"]
    assert answers.scores.shape == (2, 3)


def test_a_regression_predicts_its_value():
    signature = Signature((), "regression", "price")
    assert model(signature).predict_rows([{"s0": 2.5}]).prediction == [2.5]


def test_a_text_is_text_and_nothing_else():
    signature = Signature((Column("note", "text", nullable=True),), "binary", "y", (0, 1))
    checked = model(signature)
    assert checked.check_rows([{"note": "any words"}, {"note": ""}, {"note": None}]) == 0
    for value, kind in ((3, "a number"), (True, "a boolean"), (["a"], "a list")):
        with pytest.raises(SignatureError) as caught:
            checked.check_rows([{"note": value}])
        assert caught.value.problems == {"note": f"must be text, got {kind}"}
