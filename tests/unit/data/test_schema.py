from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError, SignatureError
from mlwright.core.signature import Column, Signature
from mlwright.data.schema import columns, conform, infer

SIGNATURE = Signature(
    (Column("n", "number", True), Column("c", "category"), Column("b", "boolean")),
    "binary",
    "y",
    ("No", "Yes"),
)


def telco_like(rows=100):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "customerID": [f"{n:04}-X" for n in range(rows)],
            "tenure": rng.integers(0, 70, rows),
            "TotalCharges": [" ", *(f"{v:.2f}" for v in rng.random(rows - 1) * 100)],
            "Contract": rng.choice(["monthly", "yearly"], rows),
            "country": ["US"] * rows,
            "<script>alert(1)</script>": rng.random(rows),
            "Churn": rng.choice(["Yes", "No"], rows),
        }
    )


def test_a_whole_table():
    schema = infer(telco_like(), "Churn")
    assert schema.signature == Signature(
        (
            Column("tenure", "number"),
            Column("TotalCharges", "number", True),
            Column("Contract", "category"),
            Column("<script>alert(1)</script>", "number"),
        ),
        "binary",
        "Churn",
        ("No", "Yes"),
    )
    assert [finding.notice() for finding in schema.findings] == [
        "customerID is an identifier: left out",
        "TotalCharges holds numbers written as text: converted to numbers, 1 blank read as missing",
        "country has one value only: left out",
    ]
    assert schema.date_column is None


def test_repeated_columns_and_rows_unbalanced_and_missing_targets():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, 300)
    table = pl.DataFrame({"x": x, "copy": x, "y": [*["Yes"] * 9, *["No"] * 289, *[None] * 2]})
    notices = [finding.notice() for finding in infer(table, "y").findings]
    assert notices == [
        "y is missing in some rows: 2 rows left out",
        "y is unbalanced: kept, the rarest class has 3.0% of the rows",
        "copy repeats what another holds: left out, x is kept",
        "the table has repeated rows: kept, 283 rows repeat an earlier one, so the holdout may "
        "know their answers",
    ]


def test_the_date_with_most_values_orders_the_rows():
    days = [date(2024, 1, 1) + timedelta(n) for n in range(100)]
    table = telco_like().with_columns(
        born=pl.Series([day.replace(day=1) for day in days]),
        day=pl.Series(days),
        gaps=pl.Series([None, *days[1:]]),
    )
    assert infer(table, "Churn").date_column == "day"


def test_a_leak_is_named_and_kept():
    table = telco_like(1000)
    table = table.with_columns(left=(pl.col("Churn") == "Yes"))
    schema = infer(table, "Churn")
    assert schema.findings[-1].notice() == (
        "left may know the answer: it alone predicts nearly all; kept, --drop-leaks leaves it out "
        "if it is known only afterwards"
    )
    assert "left" in schema.signature.names


def test_a_table_without_inputs():
    table = telco_like().select("customerID", "Churn")
    with pytest.raises(DataError) as caught:
        infer(table, "Churn")
    assert str(caught.value) == (
        "the table has no column to learn from beside the target 'Churn' "
        "(customerID is an identifier: left out)"
    )
    assert caught.value.hint == "give a table with at least one numeric or categorical column"


def test_a_table_with_too_few_rows():
    with pytest.raises(DataError) as caught:
        infer(telco_like(19), "Churn")
    assert str(caught.value) == ("the table has 19 rows with a target, training needs at least 20")


def test_conform_brings_other_types_into_form():
    given = pl.DataFrame(
        {
            "b": ["true", "0", None],
            "extra": [1, 2, 3],
            "n": ["1.5", " ", "2"],
            "c": [1.0, 2.0, None],
        }
    )
    fitted = conform(given, SIGNATURE, target=False)
    assert fitted.to_dict(as_series=False) == {
        "n": [1.5, None, 2.0],
        "c": ["1", "2", None],
        "b": [True, False, None],
    }
    assert conform(fitted, SIGNATURE, target=False).equals(fitted)


def test_every_problem_is_named_at_once_and_no_value():
    given = pl.DataFrame({"n": ["secret", "1"], "b": ["perhaps", "true"]})
    with pytest.raises(SignatureError) as caught:
        conform(given, SIGNATURE, target=False)
    assert str(caught.value) == (
        "the rows do not fit the model: c: is missing; n: is text that is not a number in 1 row; "
        "b: is neither true nor false in 1 row"
    )
    assert caught.value.hint == "the model takes the columns n, c, b"


def test_infinite_values_are_named():
    given = pl.DataFrame({"n": [float("inf"), 1.0], "c": ["a", "b"], "b": [True, False]})
    with pytest.raises(SignatureError) as caught:
        conform(given, SIGNATURE, target=False)
    assert str(caught.value) == "the rows do not fit the model: n: is infinite in 1 row"
    assert caught.value.hint == "mend these values in the table"


def test_columns_without_values_are_named_as_far_as_one_can_read():
    empty = pl.DataFrame({name: [None] * 30 for name in "abcdefgh"})
    with pytest.raises(DataError) as caught:
        infer(empty.with_columns(y=pl.Series([0, 1] * 15)), "y")
    assert str(caught.value) == (
        "the table has no column to learn from beside the target 'y' (a has no values: left out; "
        "b has no values: left out; c has no values: left out; d has no values: left out; "
        "e has no values: left out; and 3 more)"
    )
    assert caught.value.hint == "give a table with at least one numeric or categorical column"


def test_lists_fit_nothing():
    given = pl.DataFrame({"n": [[1]], "c": [[1]], "b": [True]})
    with pytest.raises(SignatureError) as caught:
        conform(given, SIGNATURE, target=False)
    assert caught.value.problems == {
        "n": "holds List(Int64), not numbers",
        "c": "holds List(Int64), not categories",
    }


def test_the_target_comes_last():
    given = pl.DataFrame({"y": ["No"], "n": [1], "c": ["a"], "b": [True]})
    assert conform(given, SIGNATURE, target=True).columns == ["n", "c", "b", "y"]


def test_arrays_for_a_plan():
    given = pl.DataFrame({"n": [1, None], "c": ["a", None], "b": [True, None]})
    arrays = columns(given, SIGNATURE)
    np.testing.assert_array_equal(arrays["n"], [1.0, np.nan])
    np.testing.assert_array_equal(arrays["b"], [1.0, np.nan])
    assert arrays["c"].dtype == object
    assert arrays["c"].tolist() == ["a", None]
    arrays["n"][0] = 2.0  # the caller's own copy
    assert given["n"][0] == 1


def leaking():
    return telco_like(1000).with_columns(left=(pl.col("Churn") == "Yes"))


def test_a_leak_is_dropped_when_asked():
    schema = infer(leaking(), "Churn", drop_leaks=True)
    assert schema.findings[-1].notice() == (
        "left may know the answer: it alone predicts nearly all; left out"
    )
    assert "left" not in schema.signature.names


def test_what_is_known_before_is_no_leak():
    schema = infer(leaking(), "Churn", known_before=["left"], drop_leaks=True)
    assert "left" in schema.signature.names
    assert "leakage" not in {finding.kind for finding in schema.findings}


def test_nothing_left_after_the_leaks():
    table = leaking().select("left", "Churn")
    with pytest.raises(DataError) as caught:
        infer(table, "Churn", drop_leaks=True)
    assert str(caught.value) == (
        "the table has no column to learn from beside the target 'Churn' (left may know the "
        "answer: it alone predicts nearly all; left out)"
    )


def test_what_is_only_known_afterwards_is_left_out_with_a_notice():
    schema = infer(leaking(), "Churn", unavailable=["left", "tenure"])
    assert [f.notice() for f in schema.findings if f.kind == "unavailable"] == [
        "left is only known afterwards: left out",
        "tenure is only known afterwards: left out",
    ]
    assert not {"left", "tenure"} & set(schema.signature.names)


def test_infinite_numbers_are_noticed_also_as_text():
    table = telco_like().with_columns(
        ratio=pl.Series([float("inf"), *range(99)], dtype=pl.Float64),
        text=pl.Series(["-inf", "inf", *(f"{n}.5" for n in range(98))]),
    )
    found = [f for f in infer(table, "Churn").findings if f.kind == "infinite"]
    assert [finding.notice() for finding in found] == [
        "ratio holds infinite values: 1 row must be mended, or left blank to count as missing",
        "text holds infinite values: 2 rows must be mended, or left blank to count as missing",
    ]
    assert [finding.score for finding in found] == [0.01, 0.02]


def test_repeated_texts_are_said_to_stay_together():
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(["buy", "now", "later", "see", "you"], 6)) for _ in range(80)]
    table = pl.DataFrame({"text": words + words[:20], "y": ["a", "b"] * 50})
    assert infer(table, "y").findings[-1].notice() == (
        "the table has repeated rows: kept, 20 rows repeat an earlier one, and are kept on its "
        "side of a random split"
    )


def test_a_renamed_column_is_named_with_the_nearest():
    given = pl.DataFrame({"n_": [1], "c": ["a"], "b": [True]})
    with pytest.raises(SignatureError) as caught:
        conform(given.rename({"b": "bool"}), SIGNATURE, target=False)
    assert str(caught.value).startswith("the rows do not fit the model: n: is missing")
    longer = Signature((Column("tenure", "number"),), "binary", "y", ("No", "Yes"))
    with pytest.raises(SignatureError) as caught:
        conform(pl.DataFrame({"Tenure": [1], "y": ["No"]}), longer, target=False)
    assert str(caught.value) == (
        "the rows do not fit the model: tenure: is missing; did you mean 'Tenure'?"
    )


def test_a_category_never_seen_is_no_error():
    given = pl.DataFrame({"n": [1.0], "c": ["never seen"], "b": [True]})
    assert conform(given, SIGNATURE, target=False)["c"].to_list() == ["never seen"]
