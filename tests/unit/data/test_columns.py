from datetime import date, timedelta

import polars as pl
import pytest

from mlwright.core.signature import Column
from mlwright.data.columns import judge

N = 100


@pytest.mark.parametrize(
    ("values", "kind", "nullable"),
    [
        ([1, 2] * 50, "number", False),
        ([1.5, None] * 50, "number", True),
        ([1.5, float("nan")] * 50, "number", True),
        ([True, None] * 50, "boolean", True),
        (["a", "b"] * 50, "category", False),
        ([f"c{n}" for n in range(50)] * 2, "category", False),
        ([n * 7 for n in range(N)], "number", False),
        ([n + 0.5 for n in range(N)], "number", False),
    ],
)
def test_inputs(values, kind, nullable):
    judged = judge(pl.Series("x", values))
    assert judged.column == Column("x", kind, nullable)
    assert judged.finding is None


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("instant", list(range(N)), "id"),
        ("customer_id", [n * 7 for n in range(N)], "id"),
        ("customerID", [n * 7 for n in range(N)], "id"),
        ("code", [f"{n:04}-ABC" for n in range(N)], "id"),
        ("remark", [f"w{n}" for n in range(60)] + ["w0"] * 40, "high_cardinality"),
        ("name", [f"Ann A{n}" for n in range(N)], "high_cardinality"),
        ("same", [1] * N, "constant"),
        ("empty", [None] * N, "all_null"),
        ("empty", [float("nan"), None] * 50, "all_null"),
        ("day", [date(2024, 1, 1) + timedelta(n) for n in range(N)], "date"),
        ("day", [f"{n % 28 + 1}.1.2024" for n in range(N)], "date"),
        ("tags", [[n] for n in range(N)], "nested"),
    ],
)
def test_what_is_left_out(name, values, kind):
    judged = judge(pl.Series(name, values))
    assert judged.column is None
    assert judged.finding.kind == kind
    assert judged.finding.action == "left out"


@pytest.mark.parametrize(
    "values",
    [
        [f"said {n} words" for n in range(N)],
        [None, "yes", *(f"w{n % 60}, and more" for n in range(N - 2))],
    ],
)
def test_sentences_are_read_as_words(values):
    judged = judge(pl.Series("remark", values))
    assert judged.column == Column("remark", "text", None in values)
    assert judged.finding.notice() == "remark is free text: kept, read as words"


def test_a_grid_is_not_an_id():
    # A word that merely ends in the letters of an id, and numbers with gaps.
    assert judge(pl.Series("paid", [n * 7 for n in range(N)])).column is not None


def test_numeric_text_is_converted_with_a_notice():
    judged = judge(pl.Series("TotalCharges", ["29.85", " "] + [str(n) for n in range(98)]))
    assert judged.column == Column("TotalCharges", "number", True)
    assert judged.finding.notice() == (
        "TotalCharges holds numbers written as text: converted to numbers, 1 blank read as missing"
    )
    assert judged.finding.to_json()["score"] == 0.01


def test_many_categories_are_kept_with_a_notice():
    judged = judge(pl.Series("town", [f"t{n % 150}" for n in range(400)]))
    assert judged.column == Column("town", "category", False)
    assert judged.finding.notice() == "town has many different values: kept, 150 categories"
    assert judged.finding.score == 150


def test_numbers_with_a_few_other_texts_are_no_identifier():
    values = [f"{number * 1.5:.2f}" for number in range(100)]
    one = judge(pl.Series("fee", [*values, "oops"]))
    assert one.column is None
    assert one.finding.notice() == (
        "fee holds numbers written as text: left out, 1 row holds other text: mend it, or leave it "
        "blank to count as missing"
    )
    two = judge(pl.Series("fee", [*values, "oops", "none of it"]))
    assert "2 rows hold other text: mend them" in two.finding.notice()
    codes = judge(pl.Series("code", [f"A{number}" for number in range(100)]))
    assert codes.finding.kind == "id"
