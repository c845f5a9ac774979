import json

import numpy as np
import pytest

from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, OrdinalStep, Plan

EVERY_STEP = Plan(
    (
        NumberStep("a", fill=3.5, center=1.25, scale=0.3),
        NumberStep("b"),
        BooleanStep("c", fill=1.0),
        BooleanStep("d"),
        OneHotStep("e", ("x", "y", None)),
        OneHotStep("f", ("x", "y")),
        OrdinalStep("g", ("low", "high")),
    )
)


def column(step, generator, size):
    if isinstance(step, NumberStep):
        values = [None, 0, -0.0, 7, 2**53 + 1, 0.1, -1e300, *generator.normal(size=20).tolist()]
    elif isinstance(step, BooleanStep):
        values = [None, True, False]
    else:
        values = [None, "x", "y", "low", "high", "new"]
    return [values[i] for i in generator.integers(0, len(values), size)]


def as_array(step, values):
    if isinstance(step, OneHotStep | OrdinalStep):
        return np.array(values, object)
    return np.array([np.nan if value is None else float(value) for value in values])


@pytest.mark.parametrize("seed", range(5))
def test_rows_and_columns_are_encoded_alike_to_the_bit(seed):
    generator = np.random.default_rng(seed)
    data = {step.column: column(step, generator, 200) for step in EVERY_STEP.steps}
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    arrays = {step.column: as_array(step, data[step.column]) for step in EVERY_STEP.steps}
    by_row, by_column = EVERY_STEP.encode_rows(rows), EVERY_STEP.encode(arrays)
    assert by_row.tobytes() == by_column.tobytes()
    assert by_row.flags.c_contiguous
    assert by_column.flags.c_contiguous


def test_numbers_are_filled_before_they_are_scaled():
    plan = Plan((NumberStep("a", fill=4.0, center=2.0, scale=0.5),))
    assert plan.encode({"a": np.array([np.nan, 3.0])}).tolist() == [[4.0], [2.0]]


def test_an_unfilled_null_stays_nan():
    plan = Plan((NumberStep("a"), BooleanStep("b"), OrdinalStep("c", ("x",))))
    assert np.isnan(plan.encode_rows([{"a": None, "b": None, "c": None}])).all()


def test_one_hot_of_null_and_of_the_unseen():
    plan = Plan((OneHotStep("a", ("x", None)), OneHotStep("b", ("x",))))
    rows = [{"a": None, "b": None}, {"a": "new", "b": "new"}, {"a": "x", "b": "x"}]
    assert plan.encode_rows(rows).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]


def test_ordinal_of_the_unseen_is_minus_one():
    plan = Plan((OrdinalStep("a", ("x", "y")),))
    assert plan.encode_rows([{"a": "y"}, {"a": "new"}]).tolist() == [[1.0], [-1.0]]


def test_features_know_their_column():
    assert EVERY_STEP.features == (
        ("a", "b", "c", "d", "e=x", "e=y", "e is null", "f=x", "f=y", "g")
    )
    assert EVERY_STEP.feature_columns == ("a", "b", "c", "d", "e", "e", "e", "f", "f", "g")


def test_unseen_categories_are_counted_and_nulls_are_not():
    plan = Plan((NumberStep("n"), OneHotStep("a", ("x",)), OrdinalStep("b", ("x",))))
    rows = [
        {"n": 1, "a": "x", "b": "new"},
        {"n": 1, "a": None, "b": "other"},
        {"n": 1, "a": "x", "b": None},
    ]
    assert plan.unseen(rows) == {"b": 2}


def test_no_rows_are_a_matrix_of_no_rows():
    assert EVERY_STEP.encode_rows([]).shape == (0, 10)


def test_a_plan_survives_json():
    assert Plan.from_json(json.loads(json.dumps(EVERY_STEP.to_json()))) == EVERY_STEP
