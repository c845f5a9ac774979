"""What the commands for documents say to input that is wrong: the whole text."""

from __future__ import annotations

import json

import pytest

from mlwright.cli.main import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A workspace with the index kb of one document; words alone, so that no weights are needed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text("Refunds take five days.")
    (tmp_path / "docs" / "skipped.md").write_text(" ")
    written(tmp_path, "c.yaml")
    assert main(["rag", "build", "c.yaml"]) == 0
    return tmp_path


def written(folder, name, *lines):
    always = ("name: kb", "documents: docs", "embedding: {provider: none}")
    (folder / name).write_text("\n".join((*always, *lines)) + "\n")


@pytest.mark.parametrize(
    ("line", "arguments", "said"),
    [
        (
            "retrieval: {phrasings: 3}",
            [],
            "error: bad.yaml: retrieval.phrasings: needs a language model, and llm names none\n"
            "hint: llm: {provider: openai, model: gpt-4o-mini}; retrieval.feedback needs none\n",
        ),
        (
            "vector_db: {type: pinecon}",
            [],
            "error: no vector store named 'pinecon'; did you mean 'pinecone'?\n"
            "hint: available: chroma, faiss, lancedb, memory, pinecone, weaviate\n",
        ),
        (
            "llm: {provider: opnai, model: gpt-4o}",
            [],
            "error: no language model named 'opnai'; did you mean 'openai'?\n"
            "hint: available: anthropic, openai, openai_compatible\n",
        ),
        (
            "retrieval: {rerank: {provider: cohre}}",
            [],
            "error: no reranker named 'cohre'; did you mean 'cohere'?\n"
            "hint: available: cohere, onnx\n",
        ),
        (
            "",
            ["--llm-provider", "openai"],
            "error: llm.model: is missing: openai has many models\n"
            "hint: llm: {provider: openai, model: gpt-4o-mini}, or provider: extractive for none\n",
        ),
    ],
)
def test_a_configuration_that_could_not_answer_is_not_built(project, capsys, line, arguments, said):
    written(project, "bad.yaml", line)
    capsys.readouterr()
    assert main(["rag", "build", "bad.yaml", *arguments]) == 2
    assert capsys.readouterr().err == said
    assert main(["rag", "query", "--name", "kb", "--query", "refunds"]) == 0  # as before


def test_a_language_model_by_a_flag_may_phrase(project):
    written(project, "c.yaml", "retrieval: {phrasings: 3}", "llm: {model: gpt-4o-mini}")
    assert main(["rag", "build", "c.yaml"]) == 2
    assert main(["rag", "build", "c.yaml", "--llm-provider", "openai"]) == 0


def test_what_was_skipped_before_is_no_unchanged_document(project, capsys):
    capsys.readouterr()
    assert main(["rag", "build", "c.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["documents"], told["unchanged"]) == (1, 1)
    assert told["skipped"] == [{"path": "skipped.md", "reason": "has no text"}]
    (project / "docs" / "skipped.md").unlink()
    assert main(["rag", "build", "c.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 0


def evaluated(project, capsys, *relevant):
    asked = [{"query": "how long do refunds take", "relevant": [name]} for name in relevant]
    (project / "q.json").write_text(json.dumps(asked))
    capsys.readouterr()
    command = ["rag", "evaluate", "--name", "kb", "--retrieval-only", "--test-queries", "q.json"]
    return main(command), capsys.readouterr().err


def test_labels_that_name_nothing_are_told(project, capsys):
    assert evaluated(project, capsys, "refunds", "nope.md") == (
        0,
        "1 of 2 labels name no source of kb:1, and count as not found: nope.md\n",
    )
    assert evaluated(project, capsys, "refunds.md") == (0, "")


def test_labels_none_of_which_names_anything_are_refused(project, capsys):
    assert evaluated(project, capsys, "d", "c", "b", "a") == (
        2,
        "error: no label of the questions names a source of kb:1: a, b, c, …\n"
        "hint: label them by the sources that `mlwright rag query --retrieval-only` shows\n",
    )


def test_an_index_that_is_not_there_is_told_of_as_one(project, capsys):
    for command in (["query", "--query", "refunds"], ["serve"]):
        capsys.readouterr()
        assert main(["rag", *command, "--name", "kb2"]) == 2
        said = "error: no index named 'kb2'; did you mean 'kb'?\nhint: there are: kb\n"
        assert capsys.readouterr().err == said


def test_one_of_several_indexes_is_asked_for(project, capsys):
    assert main(["rag", "build", "c.yaml", "--name", "other"]) == 0
    (project / "q.json").write_text('[{"query": "refunds", "relevant": ["refunds.md"]}]')
    measured = ["rag", "evaluate", "--retrieval-only", "--test-queries", "q.json"]
    for command in (measured, ["rag", "query", "--query", "refunds"]):
        capsys.readouterr()
        assert main(command) == 2
        said = "error: which index: kb, other?\nhint: --name kb\n"
        assert capsys.readouterr().err == said
