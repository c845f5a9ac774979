import json
from dataclasses import replace

import numpy as np
import pytest

from mlwright.bundle.expressions import parse
from mlwright.bundle.plan import (
    BooleanStep,
    Derived,
    NumberStep,
    OneHotStep,
    OrdinalStep,
    Plan,
    TargetStep,
    TfidfStep,
)
from mlwright.bundle.row_encoding import RowEncoder

EVERY_STEP = Plan(
    (
        TfidfStep("t", ("free", "call now", "now"), (1.1, 2.3, 0.7)),
        NumberStep("a", fill=3.5, center=1.25, scale=0.3),
        NumberStep("b"),
        BooleanStep("c", fill=1.0),
        BooleanStep("d"),
        OneHotStep("e", ("x", "y", None)),
        OneHotStep("f", ("x", "y")),
        OrdinalStep("g", ("low", "high")),
        OrdinalStep("h", ("low", "high"), -1.0),
        TargetStep("i", ("x", None), ((0.1,), (0.7,)), (0.4,)),
        OneHotStep("j", (7.0, 0.1, None)),
        TfidfStep("u", ("a",), (1.0,)),
        TargetStep("k", (7.0, 0.1), ((0.1, 0.9), (0.7, 0.3)), (0.4, 0.6)),
        NumberStep("m", fill=0.5, center=0.1, scale=3.0),
        NumberStep("n"),
        NumberStep("o"),
    ),
    (
        Derived("m", parse("b / j - c", {"b": "number", "j": "number", "c": "boolean"})),
        Derived("n", parse("length(t) + hour(u)", {"t": "text", "u": "text"})),
        Derived(
            "o",
            replace(parse("hour(u) + day(u)", {"u": "text"}), orders={"u": "mdy"}),
        ),
    ),
)
INPUTS = [step for step in EVERY_STEP.steps if step.column not in ("m", "n", "o")]
NUMBERS = ("j", "k")


def column(step, generator, size):
    if isinstance(step, TfidfStep):
        values = [
            None,
            "",
            "Call NOW, call now, call me",
            "a A a",
            "2011-05-06 07:00",
            "5/6/2011 7:00",
            "5/6/2011 17:00",
        ]
    elif isinstance(step, NumberStep) or step.column in NUMBERS:
        values = [None, 0, -0.0, 7, 2**53 + 1, 0.1, -1e300, *generator.normal(size=20).tolist()]
    elif isinstance(step, BooleanStep):
        values = [None, True, False]
    else:
        values = [None, "x", "y", "low", "high", "new"]
    return [values[i] for i in generator.integers(0, len(values), size)]


def as_array(step, values):
    text = isinstance(step, OneHotStep | OrdinalStep | TargetStep | TfidfStep)
    if text and step.column not in NUMBERS:
        return np.array(values, object)
    return np.array([np.nan if value is None else float(value) for value in values])


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 64])
@pytest.mark.parametrize(
    "plan",
    [
        EVERY_STEP,
        Plan(tuple(s for s in EVERY_STEP.steps if s.column not in "mno")),
        Plan(tuple(s for s in EVERY_STEP.steps if s.column in "bdno"), EVERY_STEP.derived),
        Plan((NumberStep("b"), BooleanStep("d"))),
        Plan((NumberStep("a", fill=3.5, center=1.25, scale=0.3),)),
        Plan((NumberStep("a", fill=3.5), BooleanStep("c", fill=1.0))),
        Plan((OneHotStep("e", ("x", "y", None)), OrdinalStep("g", ("low", "high")))),
        Plan((TfidfStep("t", ("free", "now"), (1.1, 0.7)),)),
    ],
)
def test_any_number_of_rows_is_encoded_alike_to_the_bit(plan, size):
    generator = np.random.default_rng(size)
    data = {step.column: column(step, generator, size) for step in INPUTS}
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    arrays = {step.column: as_array(step, data[step.column]) for step in INPUTS}
    by_row, by_column = plan.encode_rows(rows), plan.encode(arrays)
    if not plan.derived:
        by_place = RowEncoder(plan.steps, list(data))
        tuples = list(zip(*data.values(), strict=True))
        assert by_place(tuples).tobytes() == by_row.tobytes()
        assert by_place.unseen(tuples) == plan.unseen(rows)
    assert by_row.tobytes() == by_column.tobytes()
    assert by_row.shape == by_column.shape
    assert by_row.flags.c_contiguous


@pytest.mark.parametrize("seed", range(5))
def test_rows_and_columns_are_encoded_alike_to_the_bit(seed):
    generator = np.random.default_rng(seed)
    data = {step.column: column(step, generator, 200) for step in INPUTS}
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    arrays = {step.column: as_array(step, data[step.column]) for step in INPUTS}
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
        *("t: free", "t: call now", "t: now", "a", "b", "c", "d", "e=x", "e=y", "e is null"),
        *("f=x", "f=y", "g", "h", "i by target", "j=7.0", "j=0.1", "j is null", "u: a"),
        *("k by class 0", "k by class 1", "m", "n", "o"),
    )
    assert "".join(EVERY_STEP.feature_columns) == "tttabcdeeeffghijjjukkmno"


def test_unseen_categories_are_counted_and_nulls_are_not():
    plan = Plan((NumberStep("n"), OneHotStep("a", ("x",)), OrdinalStep("b", ("x",))))
    rows = [
        {"n": 1, "a": "x", "b": "new"},
        {"n": 1, "a": None, "b": "other"},
        {"n": 1, "a": "x", "b": None},
    ]
    assert plan.unseen(rows) == {"b": 2}


def test_no_rows_are_a_matrix_of_no_rows():
    assert EVERY_STEP.encode_rows([]).shape == (0, 24)


def test_a_plan_survives_json():
    assert Plan.from_json(json.loads(json.dumps(EVERY_STEP.to_json()))) == EVERY_STEP


def test_an_old_plan_without_derived_columns_is_read():
    step = {"kind": "ordinal", "column": "g", "categories": ["low"]}
    assert Plan.from_json({"steps": [step]}) == Plan((OrdinalStep("g", ("low",)),))


def test_texts_weigh_their_terms():
    plan = Plan((TfidfStep("t", ("call", "now", "call now"), (1.0, 2.0, 3.0)),))
    weights = np.array([1 + np.log(2), 2.0, 3.0])
    found = plan.encode_rows([{"t": "Call now: CALL!"}, {"t": None}, {"t": "other words"}])
    np.testing.assert_allclose(found[0], weights / np.sqrt(np.sum(weights**2)), rtol=1e-15)
    assert not found[1:].any()


def test_texts_weigh_as_in_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = np.array(["a bee, a bee: no", "No BEE no cow", "café—bee", "", "cow cow _cow_"], object)
    oracle = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True)
    expected = oracle.fit_transform(texts).toarray()
    terms = tuple(oracle.get_feature_names_out())
    step = TfidfStep("t", terms, tuple(oracle.idf_.tolist()))
    np.testing.assert_allclose(step.encode(texts), expected, rtol=1e-13)


def test_only_the_beginning_of_a_huge_text_is_read():
    plan = Plan((TfidfStep("t", ("end",), (1.0,)),))
    assert plan.encode_rows([{"t": "word " * 20_000 + "end"}]).tolist() == [[0.0]]
    assert plan.encode_rows([{"t": "word " * 19_999 + "end"}]).tolist() == [[1.0]]


def test_a_derived_column_that_is_given_is_not_made_again():
    plan = Plan((NumberStep("r"),), (Derived("r", parse("a / 2", {"a": "number"})),))
    assert plan.encode({"a": np.array([4.0])}).tolist() == [[2.0]]
    assert plan.encode({"a": np.array([4.0]), "r": np.array([9.0])}).tolist() == [[9.0]]
