import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from mlwright.core.errors import DataError
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import MOST_CATEGORIES, MOST_EDGES, profile
from mlwright.profile.profile import CategoryProfile, NumberProfile, Profile
from mlwright.stats.two_sample import ks_counts

SIGNATURE = Signature(
    (Column("pay", "number"), Column("town", "category"), Column("new", "boolean")),
    "binary",
    "left",
    ("no", "yes"),
)


def table(rows, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    pay = rng.normal(shift, 1, rows)
    pay[rng.random(rows) < 0.1] = np.nan
    town = rng.choice(np.array(["a", "b", None], dtype=object), rows)
    new = rng.choice([0.0, 1.0, np.nan], rows)
    return {"pay": pay, "town": town, "new": new}


def part(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def test_every_row_is_counted_once():
    columns = table(5000)
    made = profile(columns, SIGNATURE)
    for column in made.columns.values():
        assert column.rows + column.nulls == made.rows == 5000
    assert made.columns["pay"].nulls == np.isnan(columns["pay"]).sum()
    assert made.columns["new"].counts.keys() == {"true", "false"}
    assert len(made.columns["pay"].edges) <= MOST_EDGES + 1


def test_few_distinct_values_are_each_a_bin():
    made = profile({"n": np.array([3.0, 1.0, 3.0])}, one("number")).columns["n"]
    assert made.edges == (np.nextafter(1.0, -np.inf), 1.0, 3.0)
    assert made.counts == (0, 1, 2, 0)


def test_values_outside_the_reference_have_bins_of_their_own():
    reference = profile({"n": np.array([0.0, 1.0])}, one("number"))
    current = profile({"n": np.array([-1.0, -np.inf, 0.0, 9.0])}, one("number"), like=reference)
    assert current.columns["n"].counts == (2, 1, 0, 1)
    assert current.columns["n"].minimum == -1.0


def test_new_categories_are_counted_as_other():
    reference = profile({"n": np.array(["a", "b"], dtype=object)}, one("category"))
    columns = {"n": np.array(["b", "c", "d", None], dtype=object)}
    current = profile(columns, one("category"), like=reference)
    assert current.columns["n"] == CategoryProfile({"a": 0, "b": 1}, other=2, nulls=1)


def test_categories_are_bounded():
    names = [f"c{i}" for i in range(300)] + ["c7"]
    made = profile({"n": np.array(names, dtype=object)}, one("category")).columns["n"]
    assert len(made.counts) == MOST_CATEGORIES
    assert made.counts["c7"] == 2
    assert made.rows == 301


def test_empty_and_all_null_columns():
    made = profile({"n": np.array([np.nan, np.nan])}, one("number")).columns["n"]
    assert made == NumberProfile((), (0,), 2, None, None, made.total)
    assert made.mean is None
    again = profile({"n": np.array([])}, one("number"))
    assert again.rows == 0


def test_ks_on_counts_is_near_ks_on_values():
    reference, current = table(20_000), table(5_000, 1, shift=0.2)
    first = profile(reference, SIGNATURE)
    second = profile(current, SIGNATURE, like=first)
    on_counts = ks_counts(first.columns["pay"].counts, second.columns["pay"].counts)
    values = [t["pay"][~np.isnan(t["pay"])] for t in (reference, current)]
    exact = ks_2samp(*values, method="asymp").statistic
    assert exact - 1 / (MOST_EDGES - 1) <= on_counts.statistic <= exact


def test_binary_scores_are_numbers_and_multiclass_scores_classes():
    columns = {"n": np.array([1.0, 2.0])}
    assert profile(columns, one("number"), scores=np.array([0.1, 0.9])).score.mean == 0.5
    three = Signature((Column("n", "number"),), "multiclass", "y", ("a", 2, True))
    made = profile(columns, three, scores=np.array([[0.1, 0.2, 0.7], [0.1, 0.6, 0.3]]))
    assert made.score == CategoryProfile({"2": 1, "True": 1}, other=0, nulls=0)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_parts_add_up_to_the_whole_to_the_bit(values, cut):
    column = np.array(values)
    reference = profile({"n": column}, one("number"))
    parts = [
        profile({"n": piece}, one("number"), like=reference)
        for piece in (column[:cut], column[cut:])
    ]
    assert parts[0] + parts[1] == parts[1] + parts[0] == reference


def test_shards_in_any_order_give_the_same_json():
    columns = table(3000)
    reference = profile(columns, SIGNATURE, scores=columns["pay"])
    shards = [
        profile(part(columns, rows), SIGNATURE, scores=columns["pay"][rows], like=reference)
        for rows in np.array_split(np.random.default_rng(3).permutation(3000), 7)
    ]
    total = shards[0]
    for shard in shards[:0:-1]:
        total = shard + total
    assert json.dumps(total.to_json()) == json.dumps(reference.to_json())


def test_json_round_trip():
    columns = table(2000)
    made = profile(columns, SIGNATURE, scores=np.linspace(0, 1, 2000))
    text = json.dumps(made.to_json(), allow_nan=False, sort_keys=True)
    assert Profile.from_json(json.loads(text)) == made


def test_what_cannot_be_added_is_refused():
    numbers = profile({"n": np.array([1.0])}, one("number"))
    with pytest.raises(ValueError, match="counted on the same edges"):
        numbers + profile({"n": np.array([2.0])}, one("number"))
    words = profile({"n": np.array(["a"], dtype=object)}, one("category"))
    with pytest.raises(ValueError, match="each column is of one kind"):
        numbers + words
    with pytest.raises(ValueError, match="name the same categories"):
        words + profile({"n": np.array(["b"], dtype=object)}, one("category"))
    with pytest.raises(ValueError, match="have the same columns"):
        numbers + profile(table(3), SIGNATURE)
    with pytest.raises(ValueError, match="both have scores or neither has"):
        numbers + profile({"n": np.array([1.0])}, one("number"), scores=np.array([1.0]))


def test_missing_and_strange_columns_are_named():
    with pytest.raises(DataError) as caught:
        profile({"pay": np.array([1.0])}, SIGNATURE)
    assert str(caught.value) == "no column 'town', 'new' to profile"
    with pytest.raises(DataError) as caught:
        profile(table(3), SIGNATURE, like=profile({"n": np.array([1.0])}, one("number")))
    assert str(caught.value) == (
        "the reference profile and the model differ in the columns 'n', 'new', 'pay', 'town'"
    )


def one(kind):
    return Signature((Column("n", kind),), "regression", "y")


def test_of_texts_the_length_is_counted():
    signature = Signature((Column("note", "text", True),), "regression", "y")
    made = profile({"note": np.array(["ab", "abcd", None, "", "ab"], object)}, signature)
    column = made.columns["note"]
    assert isinstance(column, NumberProfile)
    assert (column.rows, column.nulls, column.mean, column.maximum) == (4, 1, 2.0, 4.0)
    later = profile({"note": np.array(["x" * 99], object)}, signature, like=made)
    assert later.columns["note"].counts == (*(0,) * (len(column.counts) - 1), 1)
