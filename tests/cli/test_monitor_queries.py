"""What `monitor check` and `monitor report` print of an environment that answers questions."""

from __future__ import annotations

import json
import re
from itertools import cycle, islice

import pytest
from sqlalchemy import insert

from mlwright.cli.main import main
from mlwright.core import clock
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace
from mlwright.predictions.queries import Query, line
from mlwright.predictions.segment import Segment


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An index of two documents, found by words alone, that is said to answer in `help`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text("Money is paid back within five days.")
    (tmp_path / "docs" / "leave.md").write_text("There are 25 days of leave a year.")
    (tmp_path / "c.yaml").write_text("name: kb\ndocuments: docs\nembedding: {provider: none}\n")
    asked = [
        {"query": f"when is the money paid back {i}", "relevant": ["refunds.md"]} for i in range(30)
    ]
    (tmp_path / "q.json").write_text(json.dumps(asked))
    assert main(["init", "."]) == 0
    assert main(["rag", "build", "c.yaml"]) == 0
    workspace = Workspace.find(tmp_path)
    row = {"platform": "local", "wanted": "running", "settings": {}, "updated": 0.0}
    with workspace.state.write() as connection:
        connection.execute(insert(environments).values(name="help", model="kb", version=1, **row))
    return workspace


def ask(workspace, texts, *, ago):
    segment = Segment(workspace.environment("help") / "log", "predictions")
    at = clock.now() - ago
    segment.append(
        [
            line(
                Query(
                    at + i,
                    f"{ago}-{i}",
                    None,
                    "kb",
                    1,
                    text,
                    "extractive",
                    ["a"],
                    0.5,
                    ["a"],
                    0,
                    False,
                    0,
                    0,
                    0.0,
                    5.0 + i,
                    "champion",
                )
            )
            for i, text in enumerate(texts)
        ]
    )
    segment.close()


def test_a_check_compares_with_what_was_evaluated(project, capsys):
    ask(project, islice(cycle(["can a drone fly", "is the drone late"]), 60), ago=3600)
    assert main(["rag", "evaluate", "c.yaml", "--test-queries", "q.json", "--retrieval-only"]) == 0
    capsys.readouterr()
    assert main(["monitor", "check", "help", "--fail-on-drift"]) == 5
    told = capsys.readouterr()
    assert "verdict    drift" in told.out
    assert re.search(r"latency p50 +35 ms \(26 to 43\) n=60", told.out), told.out
    assert re.search(r"failed requests +not enough data", told.out)
    assert "the check of help found: drift" in told.err
    assert main(["monitor", "check", "help", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (change,) = found["changes"]
    assert (change["name"], change["changed"]) == ("questions_evaluated", True)
    assert found["not_judged"].keys() == {
        "refusals",
        "empty_retrievals",
        "positive_feedback",
        "questions_before",
    }


def test_questions_of_a_file_are_compared_with_too(project, capsys):
    ask(project, [f"when is the money paid back {i}" for i in range(60)], ago=3600)
    assert main(["monitor", "check", "help", "--reference-data", "q.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "ok"


def test_a_report_is_written(project, capsys):
    ask(project, ["can a drone fly"] * 60, ago=3600)
    assert main(["monitor", "report", "help", "--period", "1d", "--output", "r.html"]) == 0
    assert "verdict  not_enough_data" in capsys.readouterr().out
    assert "kb:1" in (project.root / "r.html").read_text()


@pytest.mark.parametrize(
    "given",
    [["--segment", "x"], ["--columns", "c.yaml"], ["--joint"], ["--performance-threshold", "0.8"]],
)
def test_what_is_for_rows_is_refused(project, given, capsys):
    assert main(["monitor", "check", "help", *given]) == 2
    assert f"{given[0]} is for models of rows, and help answers questions" in (
        capsys.readouterr().err
    )
