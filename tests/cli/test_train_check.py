"""`mlwright train --check`, and the flags that say how rows are divided."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from mlwright.cli.main import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch, untold):
    monkeypatch.chdir(tmp_path)


def rentals(days: int = 300) -> list[str]:
    """Dated rows whose target is the sum of two columns, as bike sharing's is."""
    chance = random.Random(0)
    lines = ["row,day,temp,casual,registered,cnt"]
    for n in range(days):
        casual, registered = chance.randint(0, 90), chance.randint(0, 400)
        day = date(2011, 1, 1) + timedelta(n)
        lines.append(
            f"{n},{day:%m/%d/%Y},{chance.random():.3f},{casual},{registered},{casual + registered}"
        )
    Path("rentals.csv").write_text("\n".join(lines) + "\n")
    return ["train", "--data", "rentals.csv", "--target", "cnt"]


def test_check_prints_columns_and_findings_and_keeps_nothing(capsys):
    assert main([*rentals(), "--check", "--json"]) == 0
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert err == ""
    assert shown["split"] == "by time, day"
    assert shown["columns"][1] == {
        "name": "day",
        "kind": "date",
        "role": "left out",
        "missing": 0,
        "different": 300,
    }
    found = {finding["column"]: finding for finding in shown["findings"]}
    assert found["row"]["kind"] == "id"
    assert found["day"]["kind"] == "date"
    assert found["casual"] == {
        "kind": "leakage",
        "column": "casual",
        "score": pytest.approx(1.0),
        "action": "it is one of the numbers that add up to the target; kept, --drop-leaks leaves "
        "it out if it is known only afterwards",
    }
    assert [path.name for path in Path().iterdir()] == ["rentals.csv"]


def test_check_prints_a_table_for_people(capsys):
    assert main([*rentals(), "--check", "--drop-leaks"]) == 0
    out = capsys.readouterr().out
    assert "300 rows, regression; split by time, day" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "casual number left out 0 88" in lines
    assert any(line.startswith("leakage casual 1 ") and line.endswith("left out") for line in lines)


def test_check_follows_the_configuration_without_a_workspace(capsys):
    rentals()
    Path("mlwright.yaml").write_text(
        "model: {dataset: rentals.csv, target: cnt, available_at: {casual: after}}\n"
    )
    assert main(["train", "--check", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {f["column"]: f["kind"] for f in shown["findings"]}["casual"] == "unavailable"
    assert not Path(".mlwright").exists()


def test_a_random_split_of_dated_rows_is_refused(capsys):
    assert main([*rentals(), "--split", "random"]) == 2
    assert capsys.readouterr().err == (
        "error: the rows are dated by 'day': split at random, the model would be judged on days "
        "that it was trained on\n"
        "hint: leave --split at auto, or add --force-random-split\n"
    )


def test_leaks_are_dropped_and_the_split_is_told(capsys):
    assert main([*rentals(), "--drop-leaks", "--algorithm", "linear", "--json"]) == 0
    out, err = capsys.readouterr()
    trained = json.loads(out)
    assert trained["metrics"]["holdout"]["r2"]["value"] < 0.5
    assert "casual may know the answer" in err
    arguments = [*rentals(), "--split", "random", "--force-random-split", "--algorithm", "linear"]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["holdout"]["r2"]["value"] > 0.99


def test_a_split_that_is_none(capsys):
    assert main([*rentals(), "--split", "groups:day"]) == 2
    assert "'groups:day' is none of auto, random, time, group:COLUMN" in capsys.readouterr().err


def test_infinite_values_leave_nothing_behind(capsys):
    rentals()
    text = Path("rentals.csv").read_text().replace(",casual", ",ratio,casual", 1).splitlines()
    rows = [line.split(",") for line in text[1:]]
    mended = [
        ",".join([*row[:3], "inf" if n < 3 else f"{n}.5", *row[3:]]) for n, row in enumerate(rows)
    ]
    Path("rentals.csv").write_text("\n".join([text[0], *mended]) + "\n")
    assert main(["train", "--data", "rentals.csv", "--target", "cnt"]) == 2
    assert capsys.readouterr().err == (
        "error: the table holds infinite values: 'ratio' in 3 rows\n"
        "hint: mend these values, or leave them blank to count as missing\n"
    )


def test_a_folder_is_trained_on(capsys):
    rentals()
    lines = Path("rentals.csv").read_text().splitlines()
    Path("parts").mkdir()
    Path("parts/1.csv").write_text("\n".join(lines[:150]) + "\n")
    Path("parts/2.csv").write_text("\n".join([lines[0], *lines[150:]]) + "\n")
    arguments = ["--target", "cnt", "--drop-leaks", "--algorithm", "linear", "--json"]
    assert main(["train", "--data", "parts", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["train"] > 200
