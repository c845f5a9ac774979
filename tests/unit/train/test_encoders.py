import numpy as np
import pytest

from mlwright.bundle.plan import TargetStep
from mlwright.core.errors import ConfigError, DataError
from mlwright.core.signature import Column, Signature
from mlwright.train import encoders
from mlwright.train.choices import Choices, ColumnChoice
from mlwright.train.features import encode_training, fit_plan

BINARY = Signature((Column("c", "category", True),), "binary", "y", ("No", "Yes"))


def noise(rows=2000, levels=1000, classes=2):
    """Return categories of about two rows each, and a target that they know nothing of."""
    rng = np.random.default_rng(0)
    names = np.array([f"c{n}" for n in rng.integers(0, levels, rows)], object)
    names[:20] = None
    return {"c": names}, rng.integers(0, classes, rows)


def test_target_means_are_smoothed_and_null_is_a_category():
    columns = {"c": np.array(["a", "a", "b", None], object)}
    choices = Choices(columns={"c": ColumnChoice(encode="target")})
    target = np.array([1, 1, 0, 0])
    step = fit_plan(columns, BINARY, style="trees", target=target, choices=choices).steps[0]
    assert step.overall == (0.5,)
    assert step.codes == {
        "a": (pytest.approx(7 / 12),),
        "b": (pytest.approx(5 / 11),),
        None: (pytest.approx(5 / 11),),
    }


def test_a_training_row_does_not_see_its_own_target():
    columns, target = noise()
    plan = fit_plan(columns, BINARY, style="trees", target=target)
    served = plan.encode(columns)[:, 0]
    trained = encode_training(plan, columns, target, BINARY)[:, 0]
    # The full means of rare categories tell their rows' answers; those of other rows do not.
    assert np.corrcoef(served, target)[0, 1] > 0.5
    assert abs(np.corrcoef(trained, target)[0, 1]) < 0.1
    flipped = np.where(np.arange(len(target)) == 50, 1 - target, target)
    again = encode_training(plan, columns, flipped, BINARY)
    assert again[50, 0] == trained[50]


def test_several_classes_get_a_mean_each():
    columns, target = noise(classes=3)
    signature = Signature(BINARY.inputs, "multiclass", "y", ("a", "b", "c"))
    plan = fit_plan(columns, signature, style="trees", target=target)
    matrix = encode_training(plan, columns, target, signature)
    assert matrix.shape == (2000, 3)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    np.testing.assert_allclose(plan.encode(columns).sum(axis=1), 1.0)


def test_other_features_are_those_of_serving():
    columns = {**noise()[0], "n": np.arange(2000.0)}
    signature = Signature((*BINARY.inputs, Column("n", "number")), "binary", "y", (0, 1))
    target = np.arange(2000) % 2
    plan = fit_plan(columns, signature, style="trees", target=target)
    found = encode_training(plan, columns, target, signature)
    np.testing.assert_array_equal(found[:, 1], columns["n"])


@pytest.mark.parametrize(
    ("rows", "levels", "by_target"),
    [
        (3000, 100, False),
        (3000, 101, True),
        (299, 20, False),
        (315, 21, False),
        (314, 21, True),  # fewer than 15 rows each
    ],
)
def test_many_or_thin_categories_are_encoded_by_their_target(rows, levels, by_target):
    names = np.array([f"c{n % levels}" for n in range(rows)], object)
    signature = Signature((Column("c", "category"),), "binary", "y", (0, 1))
    plan = fit_plan({"c": names}, signature, style="trees", target=np.arange(rows) % 2)
    assert isinstance(plan.steps[0], TargetStep) is by_target
    assert len(fit_plan({"c": names}, signature, style="linear").features) == min(levels, 100)


def test_words_are_those_that_stand_in_most_texts():
    texts = np.array(["b a", "a b", "a only", None, "a a a"], object)
    step = encoders.words("t", texts, 2)
    assert step.terms == ("a", "b")
    assert step.idf == (pytest.approx(np.log(6 / 5) + 1), pytest.approx(np.log(6 / 3) + 1))
    assert encoders.words("t", texts, 9).terms == ("a", "b")  # the rest stands in one text
    assert encoders.words("t", np.array(["x y"], object), 9).terms == ("x", "x y", "y")


def test_many_rows_get_fewer_words(monkeypatch):
    monkeypatch.setattr(encoders, "_MOST_CELLS", 8)
    texts = np.array(["a b c d"] * 4, object)
    assert len(encoders.words("t", texts, 100).terms) == 2


def test_rare_words_are_dropped_on_the_way_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(encoders, "_MOST_COUNTED", 50)
    texts = np.array([f"often rare{n}" for n in range(100)], object)
    assert encoders.words("t", texts, 9).terms == ("often",)


def test_texts_without_words_make_no_feature():
    signature = Signature((Column("t", "text"),), "binary", "y", (0, 1))
    with pytest.raises(DataError) as caught:
        fit_plan({"t": np.array(["!", None], object)}, signature, style="linear")
    assert str(caught.value) == "the columns make no feature, for their texts hold no words"


NUMBER = Signature((Column("n", "number", True),), "binary", "y", (0, 1))
VALUES = {"n": np.array([1.0, 2.0, 6.0, 7.0, np.nan])}


@pytest.mark.parametrize(
    ("style", "choice", "expected"),
    [
        ("trees", ColumnChoice(impute="median"), [1, 2, 6, 7, 4]),
        ("trees", ColumnChoice(impute="mean"), [1, 2, 6, 7, 4]),
        ("trees", ColumnChoice(impute="zero"), [1, 2, 6, 7, 0]),
        ("trees", ColumnChoice(impute="none"), [1, 2, 6, 7, np.nan]),
        ("linear", ColumnChoice(scale="none"), [1, 2, 6, 7, 4]),
        ("linear", ColumnChoice(impute="none", scale="none"), [1, 2, 6, 7, 4]),
        ("linear", ColumnChoice(impute="zero", scale="none"), [1, 2, 6, 7, 0]),
    ],
)
def test_numbers_are_filled_and_scaled_as_chosen(style, choice, expected):
    choices = Choices(columns={"n": choice})
    found = fit_plan(VALUES, NUMBER, style=style, choices=choices).encode(VALUES)
    np.testing.assert_array_equal(found[:, 0], expected)


def test_a_number_can_be_scaled_and_keep_its_nulls():
    choices = Choices(columns={"n": ColumnChoice(scale="standard")})
    found = fit_plan(VALUES, NUMBER, style="trees", choices=choices).encode(VALUES)[:, 0]
    assert np.nanmean(found) == pytest.approx(0)
    assert np.nanstd(found) == pytest.approx(1)
    assert np.isnan(found[4])


def test_numbers_can_be_categories():
    for encode, features in (("one_hot", 5), ("target", 1)):
        choices = Choices(columns={"n": ColumnChoice(encode=encode)})
        plan = fit_plan(VALUES, NUMBER, style="linear", target=np.arange(5) % 2, choices=choices)
        assert len(plan.features) == features
        row = [{"n": None}, {"n": 6}, {"n": 5}]
        whole = plan.encode({"n": np.array([np.nan, 6.0, 5.0])})
        assert plan.encode_rows(row).tobytes() == whole.tobytes()


def test_a_linear_model_gets_no_null_from_an_order():
    columns = {"c": np.array(["a", "b", None], object)}
    choices = Choices(columns={"c": ColumnChoice(encode="ordinal")})
    plan = fit_plan(columns, BINARY, style="linear", choices=choices)
    assert plan.encode(columns).tolist() == [[0.0], [1.0], [-1.0]]


def test_dates_that_a_feature_reads_have_no_words():
    signature = Signature((Column("d", "text"), Column("n", "number")), "regression", "y")
    columns = {"d": np.array(["2011-01-31", "2012-02-01"], object), "n": np.array([1.0, 2.0])}
    choices = Choices(features={"m": "month(d) * n", "z": "n - 1"})
    plan = fit_plan(columns, signature, style="trees", choices=choices)
    assert plan.features == ("n", "m", "z")
    assert plan.encode(columns).tolist() == [[1, 1, 0], [2, 4, 1]]
    assert plan.encode_rows([{"d": "2013-12-31", "n": 3}]).tolist() == [[3, 36, 2]]


def test_an_expression_that_cannot_be_read_is_named():
    with pytest.raises(ConfigError) as caught:
        fit_plan(VALUES, NUMBER, style="trees", choices=Choices(features={"r": "n / m"}))
    assert str(caught.value) == "model.features.r: 1:5: unknown column 'm'"
