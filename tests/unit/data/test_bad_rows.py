import polars as pl

from mlwright.core.signature import Column, Signature
from mlwright.data.bad_rows import bad_rows

SIGNATURE = Signature(
    (
        Column("age", "number"),
        Column("fee", "number", nullable=True),
        Column("kind", "category"),
        Column("paid", "boolean"),
    ),
    "binary",
    "left",
    ("No", "Yes"),
)


def test_every_wrong_value_is_named_by_row_and_column():
    table = pl.DataFrame(
        {
            "age": ["41", "old", None, "inf", " 7 "],
            "fee": [1.0, None, float("nan"), float("-inf"), 2.0],
            "kind": ["a", "b", "c", None, "unseen"],
            "paid": ["true", "0", "maybe", "", "FALSE"],
        }
    )
    assert bad_rows(table, SIGNATURE).rows() == [
        (1, "age", "must be a number"),
        (2, "age", "must not be null"),
        (2, "paid", "must be true or false"),
        (3, "age", "must be a finite number"),
        (3, "fee", "must be a finite number"),
        (3, "kind", "must not be null"),
        (3, "paid", "must not be null"),
    ]


def test_a_column_that_is_not_there_is_passed_over():
    assert bad_rows(pl.DataFrame({"age": [1]}), SIGNATURE).is_empty()
