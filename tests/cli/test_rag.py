"""What the commands for documents print and write: the search, orders in documents, agreement."""

from __future__ import annotations

import json

import pytest
import yaml

from mlwright.cli.main import main
from mlwright.rag.config import read_config

SUBJECTS = ["apple", "bridge", "cactus", "desert", "engine", "forest", "garden", "harbour"]
SUBJECTS += ["island", "jungle", "kettle", "lantern"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Words alone, so that no weights are needed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    for word in SUBJECTS:
        (tmp_path / "docs" / f"{word}.txt").write_text(f"All about the {word}. It is a {word}.")
    asked = [{"query": f"what is a {word}", "relevant": [f"{word}.txt"]} for word in SUBJECTS]
    (tmp_path / "q.json").write_text(json.dumps(asked))
    (tmp_path / "c.yaml").write_text(
        "name: kb\ndocuments: docs\nembedding: {provider: none}\nretrieval: {k: 8}\n"
    )
    return tmp_path


def test_fewer_hits_that_find_as_much_are_written(project, capsys):
    assert main(["rag", "tune", "c.yaml", "--test-queries", "q.json", "--write", "out.yaml"]) == 0
    told = capsys.readouterr()
    assert "12 questions, " in told.out
    assert "nothing that was tried is better than the present configuration" in told.out
    assert "against 8 hits, recall +0.000" in told.out
    assert "k 1; next: mlwright rag build out.yaml" in told.err
    written = read_config(project / "out.yaml")
    assert (written.name, written.retrieval.k) == ("kb", 1)
    assert written.documents.path == project / "docs"
    assert yaml.safe_load((project / "c.yaml").read_text())["retrieval"] == {"k": 8}


def test_where_nothing_is_better_nothing_is_written(project, capsys):
    (project / "c.yaml").write_text(
        "name: kb\ndocuments: docs\nembedding: {provider: none}\nretrieval: {k: 1}\n"
    )
    arguments = ["rag", "tune", "c.yaml", "--test-queries", "q.json", "--json"]
    assert main([*arguments, "--write", "out.yaml"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert not (project / "out.yaml").exists()
    assert "out.yaml is not written: the present configuration stays" in told.err
    assert (found["written"], found["within_noise"], found["k"]) == (None, True, 1)
    assert found["tried"] == found["planned"] == len(found["candidates"])
    assert {"value", "low", "high", "n"} == set(found["gain"])


def test_a_search_without_documents_says_what_to_name(project, capsys):
    (project / "c.yaml").write_text("name: kb\n")
    assert main(["rag", "tune", "c.yaml", "--test-queries", "q.json"]) == 2
    assert "the configuration names no documents" in capsys.readouterr().err


def test_orders_in_documents_are_counted_by_model(project, capsys):
    main(["init", "."])
    capsys.readouterr()
    assert main(["rag", "evaluate", "c.yaml", "--injections", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (model,) = found["models"]
    assert (found["cases"], model["model"], model["obeyed"]) == (20, "extractive", [])
    assert main(["rag", "evaluate", "c.yaml", "--injections"]) == 0
    assert "extractive   1.000 [0.839, 1.000] n=20" in capsys.readouterr().out


def test_agreement_with_people_is_told_by_measure(project, capsys):
    main(["init", "."])
    capsys.readouterr()
    row = {
        "query": "When are refunds paid?",
        "answer": "Within fourteen days.",
        "contexts": ["Refunds are paid within fourteen days of receipt."],
        "human": {"faithfulness": True},
    }
    (project / "labels.json").write_text(json.dumps([row, row]))
    assert main(["rag", "evaluate", "c.yaml", "--human-labels", "labels.json"]) == 0
    told = capsys.readouterr().out
    assert "2 answers with labels, against local signals" in told
    assert "faithfulness   1.000" in told
    assert main(["rag", "evaluate", "c.yaml", "--human-labels", "labels.json", "--judge"]) == 2
    assert "--judge needs a language model" in capsys.readouterr().err


def test_something_to_measure_is_needed(project, capsys):
    main(["init", "."])
    capsys.readouterr()
    assert main(["rag", "evaluate", "c.yaml"]) == 2
    assert "--test-queries FILE is needed" in capsys.readouterr().err
