import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.core.signature import Column, Signature
from mlwright.data.target import (
    classes_of,
    infer_task,
    labelled_rows,
    target_codes,
    target_series,
)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "binary"),
        ([True, False], "binary"),
        ([0, 1], "binary"),
        ([1.0, 2.0], "binary"),
        (["a", "b", "c"], "multiclass"),
        (list(range(10)), "multiclass"),
        (list(range(11)), "regression"),
        ([0.5, 1.0, 2.0], "regression"),
    ],
)
def test_the_task_is_found_out(values, task):
    assert infer_task(pl.Series("y", values), None) == task


def test_the_task_may_be_told():
    assert infer_task(pl.Series("y", [0, 1]), "regression") == "regression"
    assert infer_task(pl.Series("y", list(range(30))), "classification") == "multiclass"


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["No"] * 2 + ["Yes"] * 8, ("No", "Yes")),
        (["stayed"] * 2 + ["Churned"] * 8, ("stayed", "Churned")),
        ([0] * 2 + [1] * 8, (0, 1)),
        ([1.0] * 2 + [0.0] * 8, (0, 1)),
        ([True] * 8 + [False] * 2, (False, True)),
        (["red"] * 8 + ["blue"] * 2, ("red", "blue")),
        (["red"] * 2 + ["blue"] * 2, ("blue", "red")),
    ],
)
def test_the_positive_class_is_conventional_else_the_rarer(labels, classes):
    assert classes_of(pl.Series(labels), "binary") == classes


def test_several_classes_are_sorted():
    assert classes_of(pl.Series(["c", "a", "b"] * 2), "multiclass") == ("a", "b", "c")


def test_codes_of_labels_match_labels_written_as_text():
    signature = Signature((Column("x", "number"),), "binary", "y", (0, 1))
    for values in ([1, 0], [1.0, 0.0], ["1", " 0"]):
        codes = target_codes(pl.DataFrame({"y": values}), signature)
        assert codes.dtype == np.int64
        assert codes.tolist() == [1, 0]


def test_codes_of_booleans_match_text():
    signature = Signature((Column("x", "number"),), "binary", "y", (False, True))
    for values in ([True, False], ["true", "false"]):
        assert target_codes(pl.DataFrame({"y": values}), signature).tolist() == [1, 0]


def test_numbers_written_as_text_are_a_numeric_target():
    table = pl.DataFrame({"y": ["1.5", " 2", " ", "7"]})
    assert target_series(table, "y").to_list() == [1.5, 2.0, None, 7.0]
    assert labelled_rows(table, "y").tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("values", "asked", "message", "hint"),
    [
        (
            ["a", "a"],
            None,
            "the target 'y' has only one value, so there is nothing to learn",
            "give rows of at least two classes, or another target",
        ),
        (
            ["a", "b"],
            "regression",
            "the target 'y' is not a number, which regression needs",
            "leave the task to be found out, or give a numeric target",
        ),
        (
            [str(n) + "x" for n in range(101)],
            None,
            "the target 'y' has 101 different values, too many for classes (at most 100)",
            "give a target with fewer classes, or a numeric one for regression",
        ),
        (
            ["a", "b", "c"],
            "binary",
            "the target 'y' has 3 classes, a binary task needs 2",
            "leave the task to be found out",
        ),
    ],
)
def test_targets_that_cannot_be_learned(values, asked, message, hint):
    with pytest.raises(DataError) as caught:
        infer_task(pl.Series("y", values), asked)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_class_of_one_row():
    with pytest.raises(DataError) as caught:
        classes_of(pl.Series("y", ["a", "a", "b"]), "binary")
    assert str(caught.value) == "the target 'y' has a class with a single row"


def test_a_missing_target_names_the_nearest():
    with pytest.raises(DataError) as caught:
        target_series(pl.DataFrame({"churned": [1], "x": [2]}), "churn")
    assert str(caught.value) == "the table has no column 'churn'; did you mean 'churned'?"
    assert caught.value.hint == "name the column to predict, one of: churned, x"


def test_an_empty_target():
    with pytest.raises(DataError) as caught:
        target_series(pl.DataFrame({"y": [" ", None]}), "y")
    assert str(caught.value) == "the target 'y' has no values"


def test_an_unknown_class_is_counted_and_never_shown():
    signature = Signature((Column("x", "number"),), "binary", "y", ("n", "y"))
    with pytest.raises(DataError) as caught:
        target_codes(pl.DataFrame({"y": ["n", "secret"]}), signature)
    assert str(caught.value) == (
        "the target 'y' holds a class that the model does not know, in 1 of 2 rows"
    )
    assert caught.value.hint == "the known classes are: n, y"


@pytest.mark.parametrize("values", [[1.0, float("inf")], ["1", "2", "x"]])
def test_a_numeric_target_must_be_finite(values):
    signature = Signature((Column("x", "number"),), "regression", "y")
    with pytest.raises(DataError) as caught:
        target_codes(pl.DataFrame({"y": values}), signature)
    assert str(caught.value) == "the target 'y' holds values that are not finite numbers"


def test_a_target_with_nulls():
    signature = Signature((Column("x", "number"),), "regression", "y")
    with pytest.raises(DataError) as caught:
        target_codes(pl.DataFrame({"y": [1.0, float("nan")]}), signature)
    assert str(caught.value) == "the target 'y' is null in 1 rows"
