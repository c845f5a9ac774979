"""`mlwright train` and `predict` on what users really give: full messages, nothing half-written."""

import json
import random
from pathlib import Path

import pytest

from mlwright.cli.main import main
from mlwright.core.workspace import Workspace
from mlwright.track import models


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch, untold):
    monkeypatch.chdir(tmp_path)


def customers(rows: int = 400, *, header: str = "tenure", answer: str | None = None) -> None:
    chance = random.Random(0)
    lines = [f"id,{header},total,fixed,left"]
    for i in range(rows):
        tenure = chance.random()
        left = answer or ("yes" if tenure + chance.random() > 1 else "no")
        total = " " if i % 50 == 0 else f"{tenure * 10:.2f}"
        lines.append(f"c-{i:05},{tenure:.6f},{total},7,{left}")
    Path("table.csv").write_text("\n".join(lines) + "\n")


BAD = {
    "no table": (
        lambda: None,
        ["--data", "table.csv", "--target", "left"],
        "error: there is no file table.csv\nhint: check the path given as the table\n",
    ),
    "an empty file": (
        lambda: Path("table.csv").touch(),
        ["--data", "table.csv", "--target", "left"],
        "error: table.csv is empty\nhint: give a file with a header line and rows\n",
    ),
    "a header alone": (
        lambda: Path("table.csv").write_text("a,left\n"),
        ["--data", "table.csv", "--target", "left"],
        "error: table.csv has column names but no rows\nhint: give a file with rows\n",
    ),
    "a missing target": (
        customers,
        ["--data", "table.csv", "--target", "lefd"],
        "error: the table has no column 'lefd'; did you mean 'left'?\n"
        "hint: name the column to predict, one of: id, tenure, total, fixed, left\n",
    ),
    "one class": (
        lambda: customers(answer="yes"),
        ["--data", "table.csv", "--target", "left"],
        "error: the target 'left' has only one value, so there is nothing to learn\n"
        "hint: give rows of at least two classes, or another target\n",
    ),
    "no target": (
        customers,
        ["--data", "table.csv"],
        "error: no target is given\nhint: --target COLUMN, or model.target in mlwright.yaml\n",
    ),
    "nothing given": (
        lambda: None,
        [],
        "error: no table is given\nhint: --data FILE, or model.dataset in mlwright.yaml\n",
    ),
    "a name that is no name": (
        customers,
        ["--data", "table.csv", "--target", "left", "--name", "../up"],
        "error: '../up' cannot be the name of a model\nhint: use letters, digits, '.', '_' and "
        "'-', at most 64, beginning with one of the first two\n",
    ),
    "an unknown algorithm": (
        customers,
        ["--data", "table.csv", "--target", "left", "--algorithm", "lightbgm"],
        "error: no algorithm named 'lightbgm'; did you mean 'lightgbm'?\n"
        "hint: available: dummy, hist_gradient_boosting, keras, lightgbm, linear, neural_network, "
        "random_forest, transformer, xgboost\n",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_in_full_and_leaves_nothing(case, capsys):
    prepare, arguments, message = BAD[case]
    prepare()
    assert main(["train", *arguments]) == 2
    assert capsys.readouterr().err == message
    assert models.list_models(Workspace(Path())) == []
    assert not list(Path().glob(".mlwright/bundles/*"))


def test_ids_constants_and_numeric_text_are_noticed_and_no_errors(capsys):
    customers()
    assert main(["train", "--data", "table.csv", "--target", "left", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["model"], told["version"], told["task"]) == ("left", 1, "binary")
    assert set(told) >= {"run_id", "algorithm", "metrics", "threshold", "seconds"}
    assert set(told["metrics"]["holdout"]["auc"]) == {"value", "low", "high", "n"}
    card = (models.resolve(Workspace(Path()), "left").bundle / "card.md").read_text()
    for notice in (
        "id is an identifier: left out",
        "fixed has one value only: left out",
        "total holds numbers written as text: converted to numbers, 8 blanks read as missing",
    ):
        assert err.count(notice) == 1
        column, _, said = notice.partition(" ")
        assert said in card
        assert f"**{column}**" in card


def test_a_column_named_like_markup_is_a_column(capsys):
    customers(header="<script>alert(1)</script>")
    assert main(["train", "--data", "table.csv", "--target", "left", "--name", "m"]) == 0
    assert main(["models", "show", "m", "--json"]) == 0
    out = capsys.readouterr().out
    shown = json.loads(out[out.index("{") :])
    assert "<script>alert(1)</script>" in [c["name"] for c in shown["signature"]["inputs"]]


def test_predict_writes_what_the_model_says(capsys):
    customers()
    assert main(["train", "--data", "table.csv", "--target", "left"]) == 0
    assert main(["predict", "left", "--input", "table.csv", "--output", "out.jsonl", "--json"]) == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert len(rows) == 400
    assert [row["id"] for row in rows] == [f"c-{i:05}" for i in range(400)]
    assert {row["prediction"] for row in rows} == {"yes", "no"}
    assert all(0 <= row["probability"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "out.xlsx",
            "error: out.xlsx: cannot write a table that ends in .xlsx\n"
            "hint: end the name in .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet\n",
        ),
        ("no/out.csv", "error: no is not a folder\nhint: make it, or name another one\n"),
        ("./table.csv", "error: table.csv is the input too\nhint: name another --output\n"),
    ],
)
def test_an_output_that_cannot_be_written_is_said_before_any_work(output, message, capsys):
    customers()
    assert main(["train", "--data", "table.csv", "--target", "left"]) == 0
    capsys.readouterr()
    assert main(["predict", "left", "--input", "table.csv", "--output", output]) == 2
    assert capsys.readouterr().err == message


def test_rows_that_do_not_fit_are_named_by_column(capsys):
    customers()
    assert main(["train", "--data", "table.csv", "--target", "left"]) == 0
    Path("new.csv").write_text("tenure\nlong\n")
    capsys.readouterr()
    assert main(["predict", "left", "--input", "new.csv", "--output", "out.csv"]) == 2
    err = capsys.readouterr().err
    assert err == (
        "error: the rows do not fit the model: total: is missing\n"
        "hint: the model takes the columns tenure, total\n"
    )
    assert not Path("out.csv").exists()


def test_a_damaged_bundle_is_named_with_its_file(capsys):
    customers()
    assert main(["train", "--data", "table.csv", "--target", "left"]) == 0
    bundle = models.resolve(Workspace(Path()), "left").bundle
    (bundle / "card.md").write_text("edited")
    capsys.readouterr()
    assert main(["models", "show", "left"]) == 2
    assert capsys.readouterr().err == (
        f"error: the bundle {bundle} is damaged: card.md was altered\n"
        "hint: copy it again from where it was made, or train the model again\n"
    )


def test_a_workspace_that_another_process_holds_is_said(capsys):
    import sqlite3

    customers()
    assert main(["train", "--data", "table.csv", "--target", "left"]) == 0
    holder = sqlite3.connect(".mlwright/state.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    capsys.readouterr()
    try:
        assert main(["train", "--data", "table.csv", "--target", "left"]) == 2
    finally:
        holder.close()
    assert "is locked by another process\nhint: wait for" in capsys.readouterr().err
    assert len(models.list_models(Workspace(Path()))) == 1
