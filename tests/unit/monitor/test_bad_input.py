"""Rows as they should not be: a check says each thing in words, counts what it leaves out, ends."""

import json
import time

import numpy as np
import polars as pl
import pytest

from mlwright.cli.main import main
from mlwright.core.errors import DataError
from mlwright.monitor.sources import files, json_lines
from mlwright.monitor.sources.files import Files

from .conftest import draw as answered

ROWS = 2000
BEGIN = 1_700_000_000.0


def draw(rows, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "pay": rng.normal(3000, 500, rows),
            "plan": np.array(["a", "b", "c"])[rng.integers(0, 3, rows)],
        }
    )


def current():
    return draw(ROWS, 2).with_columns(
        timestamp=BEGIN + pl.int_range(ROWS) * 3.0,
        request_id=pl.format("r{}", pl.int_range(ROWS)),
    )


def late(value):
    """Return the column up to row 1,200, and then another value."""
    return pl.when(pl.int_range(pl.len()) < 1200).then(value)


def lines(table, at=0, change=dict):
    rows = [row if i < at else change(row) for i, row in enumerate(table.to_dicts())]
    return "".join(json.dumps(row) + "\n" for row in rows)


def renamed(row):
    return {"years" if name == "age" else name: value for name, value in row.items()}


def in_words(row):
    return {**row, "age": f"{row['age']:.0f} years"}


CASES = {
    "a torn last line": (
        lambda table: lines(table)[:-40],
        ["1,999 (1 skipped, 0 labelled)", "  left out: 1 damaged lines"],
        0,
    ),
    "repeated request ids": (
        lambda table: lines(pl.concat([table, table.head(300)])),
        ["2,000 (0 skipped, 0 labelled)", "  left out: 300 repeated request ids"],
        0,
    ),
    "repeated request ids, some unknown": (
        lambda table: lines(
            pl.concat([table, table.head(300)]).with_columns(
                request_id=pl.when(pl.int_range(pl.len()) >= 10).then("request_id")
            )
        ),
        ["2,010 (0 skipped, 0 labelled)", "  left out: 290 repeated request ids"],
        0,
    ),
    "a clock that goes ahead": (
        lambda table: lines(
            table.with_columns(
                timestamp=pl.when(pl.int_range(pl.len()) < 50)
                .then(time.time() + 3600)
                .otherwise("timestamp")
            )
        ),
        [
            "1,950 (0 skipped, 0 labelled)",
            "  50 rows bear a time more than a minute ahead of this clock, left out",
            "  left out: 50 rows ahead of this clock",
        ],
        0,
    ),
    "a column that is no longer sent": (
        lambda table: lines(table.with_columns(age=late("age"))),
        ["2,000 (0 skipped, 0 labelled)", "  age is no longer sent from 2023-11-14T23:13:20Z on"],
        5,
    ),
    "a column with another name from mid-window on": (
        lambda table: lines(table, 1200, renamed),
        [
            "2,000 (0 skipped, 0 labelled)",
            "  years is not in the reference and is not compared",
            "  age is no longer sent from 2023-11-14T23:13:20Z on",
        ],
        5,
    ),
    "a column of another type from mid-window on": (
        lambda table: lines(table, 1200, in_words),
        ["2,000 (0 skipped, 0 labelled)", "  age is no number in 800 rows, counted as missing"],
        5,
    ),
    "three rows": (lambda table: lines(table.head(3)), ["3 (0 skipped, 0 labelled)"], 0),
    "a feature without a value": (
        lambda table: lines(table.with_columns(pay=pl.lit(None, pl.Float64))),
        ["2,000 (0 skipped, 0 labelled)", "  pay has no value in any row"],
        5,
    ),
    "other columns": (
        lambda table: lines(table.rename({"pay": "other"})),
        [
            "2,000 (0 skipped, 0 labelled)",
            "  pay was never sent; it counts as missing in every row",
            "  other is not in the reference and is not compared",
            "  pay has no value in any row",
        ],
        5,
    ),
    "a new category in every row": (
        lambda table: lines(table.with_columns(plan=pl.lit("new"))),
        [
            "2,000 (0 skipped, 0 labelled)",
            "  plan has categories that the reference does not know in 2,000 rows",
        ],
        5,
    ),
}


@pytest.mark.parametrize(("text", "words", "code"), CASES.values(), ids=CASES.keys())
def test_each_is_said_and_counted(tmp_path, monkeypatch, capsys, text, words, code):
    monkeypatch.chdir(tmp_path)
    draw(5000, 1).write_csv("then.csv")
    (tmp_path / "now.jsonl").write_text(text(current()))
    command = ["monitor", "check", "now.jsonl", "--reference-data", "then.csv", "--fail-on-drift"]
    assert main(command) == code
    said = capsys.readouterr().out.splitlines()
    rows = next(line.removeprefix("rows").strip() for line in said if line.startswith("rows"))
    assert [rows, *(line for line in said if line in words)] == words


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_csv_that_is_still_being_written_loses_its_last_line(tmp_path, cut):
    path = tmp_path / "now.csv"
    whole = current().write_csv()
    path.write_text(whole.rstrip("\n"))
    assert Files(path).sample().rows == ROWS  # all fields are there: only the end of line is not
    path.write_text(whole[: whole.rindex(",") - cut])
    sample = Files(path).sample()
    assert (sample.rows, sample.left_out) == (ROWS - 1, {"damaged lines": 1})
    whole_folder = tmp_path / "many"
    whole_folder.mkdir()
    (whole_folder / "1.csv").write_text(whole)
    path.rename(whole_folder / "2.csv")
    assert Files(whole_folder).sample().left_out["damaged lines"] == 1


def test_a_file_that_is_rotated_while_the_folder_is_read(tmp_path, monkeypatch):
    for name in ("1", "2"):
        current().head(100).drop("request_id").write_ndjson(tmp_path / f"{name}.jsonl")
    read = json_lines.read_json_lines

    def rotated(path):
        if path.name == "2.jsonl":
            path.rename(path.with_name("3.jsonl"))
        return read(path)

    monkeypatch.setattr(files, "read_json_lines", rotated)
    assert Files(tmp_path).sample().rows == 200


def test_files_that_never_stay_are_told(tmp_path, monkeypatch):
    current().write_ndjson(tmp_path / "now.jsonl")

    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(files, "read_json_lines", gone)
    with pytest.raises(DataError) as caught:
        Files(tmp_path).sample()
    assert str(caught.value) == f"{tmp_path} changed while it was read"
    assert caught.value.hint == "run the check again, or give it a copy"


@pytest.mark.parametrize("happens", ["shorter", "gone", "cut"])
def test_a_parquet_file_that_changes_between_its_columns(tmp_path, happens):
    path = tmp_path / "now.parquet"
    draw(900, 1).write_parquet(path)
    sample = Files(path).sample()
    assert len(sample.column("age")) == 900
    if happens == "gone":
        path.unlink()
    elif happens == "cut":
        path.write_bytes(path.read_bytes()[:500])
    else:
        draw(800, 1).write_parquet(path)
    with pytest.raises(DataError, match=r"now\.parquet changed while it was read$"):
        sample.column("pay")


def test_labels_for_unknown_requests_are_counted(production, tmp_path, capsys):
    ids, _ = production.answer(answered(5, 1))
    labels = tmp_path / "labels.csv"
    labels.write_text("request_id,label\n" + f"{ids[0]},Yes\nnobody,No\nnothing,Yes\n")
    folder = str(production.workspace.root)
    command = ["monitor", "label", str(labels), "--workspace", folder]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said == "1 label added, 2 for requests that are not in the log\n"
