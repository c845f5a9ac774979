import polars as pl

from mlwright.train.choices import Choices
from mlwright.train.inspect import inspect


def test_every_column_has_a_kind_and_a_role(churn):
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2026, 1, 1), eager=True)[:500]
    table = churn.with_columns(
        day=days, w=pl.lit(1.0), shop=pl.Series([n % 9 for n in range(500)]), empty=pl.lit(None)
    )
    choices = Choices(weight="w", split="group:shop", available_at={"senior": "after"})
    found = inspect(table, "Churn", choices=choices)
    assert [(c.name, c.kind, c.role) for c in found.columns] == [
        ("customerID", "id", "left out"),
        ("tenure", "number", "input"),
        ("Contract", "category", "input"),
        ("TotalCharges", "number", "input"),
        ("<script>alert(1)</script>", "number", "input"),
        ("senior", "boolean", "left out"),
        ("Churn", "category", "target"),
        ("day", "date", "left out"),
        ("w", "number", "weight"),
        ("shop", "number", "group"),
        ("empty", "text", "left out"),
    ]
    assert found.split == "by group, shop"
    assert (found.columns[-1].missing, found.columns[-1].different) == (500, 0)
    kinds = {(finding.kind, finding.column) for finding in found.findings}
    assert kinds >= {("unavailable", "senior"), ("all_null", "empty"), ("date", "day")}


def test_what_training_would_refuse_is_shown(churn):
    table = churn.with_columns(ratio=pl.Series([float("inf")] + [float(n) for n in range(499)]))
    shown = inspect(table, "Churn").to_json()
    assert {
        "kind": "infinite",
        "column": "ratio",
        "score": 0.002,
        "action": "1 row must be mended, or left blank to count as missing",
    } in shown["findings"]
    assert set(shown) == {"rows", "target", "task", "split", "columns", "findings"}
    assert shown["split"] == "at random"


def test_dated_rows_are_said_to_be_split_by_time(churn):
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2026, 1, 1), eager=True)[:500]
    assert inspect(churn.with_columns(day=days), "Churn").split == "by time, day"
