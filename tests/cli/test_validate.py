"""`validate`, `runs` and `train --baseline`, as a user calls them."""

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
    customers("table.csv", seed=0)
    customers("test.csv", seed=1)


def customers(path, *, seed, rows=400):
    chance = random.Random(seed)
    lines = ["tenure,fee,town,left"]
    for _ in range(rows):
        tenure = chance.random()
        left = "yes" if tenure + chance.random() > 1 else "no"
        lines.append(f"{tenure:.6f},{chance.random():.4f},{chance.choice('ab')},{left}")
    Path(path).write_text("\n".join(lines) + "\n")


def trained(capsys, *arguments):
    assert main(["train", "--data", "table.csv", "--target", "left", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_missed_minimum_ends_with_five_and_leaves_the_report(capsys):
    run = trained(capsys, "--algorithm", "linear")["run_id"]
    arguments = ["validate", "--run_id", run[:10], "--test_data", "test.csv", "--json"]
    code = main([*arguments, "--min", "auc=0.99", "--min", "accuracy=0.5", "--group", "town"])
    out, err = capsys.readouterr()
    assert code == 5
    told = json.loads(out)
    assert set(told) >= {"metrics", "slices", "passed", "minimums"}
    assert told["passed"] is False
    assert [m["passed"] for m in told["minimums"]] == [False, True]
    assert set(told["metrics"]["auc"]) == {"value", "low", "high", "n"}
    page = Path(told["report"])
    assert page == Path.cwd() / ".mlwright/reports/validation-left-1.html"
    assert page.with_suffix(".card.md").is_file()
    assert json.loads(page.with_suffix(".json").read_text()) == {
        name: value for name, value in told.items() if name != "report"
    }
    auc = told["metrics"]["auc"]
    assert f"error: left:1: auc {auc['value']:.4g} [{auc['low']:.4g}, " in err
    assert "misses 0.99, significantly\nhint: see " in err


def test_a_model_that_passes(capsys):
    trained(capsys, "--algorithm", "linear")
    arguments = ["validate", "left", "--test-data", "test.csv", "--min", "log_loss=0.9"]
    assert main([*arguments, "--report", "out/r.html"]) == 0
    out = capsys.readouterr().out
    assert "left:1 on 400 rows" in out
    assert "keeps to 0.9, significantly" in out
    assert Path("out/r.html").is_file()


def test_a_bundle_alone_is_enough(capsys, tmp_path, monkeypatch):
    bundle = trained(capsys, "--algorithm", "linear")["bundle"]
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    test = str(tmp_path / "test.csv")
    assert main(["validate", bundle, "--test-data", test, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["report"]).parent == elsewhere


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "error: which model is not said\n"
            "hint: give MODEL, or --run-id of the run that made it\n",
        ),
        (
            ["left", "--run-id", "abcd"],
            "error: MODEL and --run-id are both given\n"
            "hint: give MODEL, or --run-id of the run that made it\n",
        ),
        (
            ["left", "--min", "rmse=1"],
            "error: --min rmse=1: 'rmse' is not measured for a binary model\n"
            "hint: name one of accuracy, precision, recall, f1, auc, average_precision, log_loss, "
            "ece\n",
        ),
    ],
)
def test_what_is_wrong_is_said_in_full(arguments, message, capsys):
    trained(capsys, "--algorithm", "dummy")
    assert main(["validate", *arguments, "--test-data", "test.csv"]) == 2
    assert capsys.readouterr().err == message


def test_baselines_are_logged_and_nothing_is_registered(capsys):
    told = trained(capsys, "--baseline", "true")
    assert [run["algorithm"] for run in told["runs"]] == ["dummy", "linear"]
    assert told["runs"][0]["metrics"]["holdout"]["auc"]["value"] == 0.5
    assert models.list_models(Workspace(Path())) == []
    assert main(["runs", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["runs"]
    assert {run["run_id"] for run in listed} == {run["run_id"] for run in told["runs"]}
    linear = told["runs"][1]["run_id"]
    assert main(["validate", "--run-id", linear, "--test-data", "test.csv"]) == 2
    assert capsys.readouterr().err == (
        f"error: the run {linear[:12]} (linear, finished) registered no model\n"
        "hint: mlwright models list shows the runs that did\n"
    )


def test_runs_are_listed_compared_and_verified(capsys):
    first = trained(capsys, "--algorithm", "linear")["run_id"]
    second = trained(capsys, "--algorithm", "dummy")["run_id"]
    assert main(["runs", "list"]) == 0
    assert first[:12] in capsys.readouterr().out
    assert main(["runs", "compare", first, second]) == 0
    out = capsys.readouterr().out
    assert "first better" in out
    assert "Both scored the same 80 rows kept from training." in out
    assert main(["runs", "verify", first, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reproduced"] is True
    customers("table.csv", seed=5)
    assert main(["runs", "verify", first]) == 5
    assert capsys.readouterr().err == (
        f"error: the run {first[:12]} cannot be repeated: its table has changed since\n"
        "hint: bring back what has changed, and verify again\n"
    )
