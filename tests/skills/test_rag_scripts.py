"""The scripts that prepare documents and build an index, with the flags that users know."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "skills" / "senior-ml-engineer" / "scripts"


def script(folder, name, *arguments):
    command = [sys.executable, str(SCRIPTS / name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["preprocess_documents.py", "rag_system_builder.py"])
def test_it_has_no_logic_of_its_own(name):
    lines = (SCRIPTS / name).read_text().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith('    sys.exit(main(["rag", ')


def test_the_workflow_as_it_is_written(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "refunds.md").write_text("# Refunds\n\nMoney back within thirty days.\n")
    (docs / "bad.pdf").write_bytes(b"x")
    (tmp_path / "rag_config.yaml").write_text("embedding: {provider: none}\n")
    done = script(tmp_path, "preprocess_documents.py", "./docs/", "./processed/")
    assert done.returncode == 0, done.stderr
    assert "1 documents became 1 chunks" in done.stdout
    assert "bad.pdf" in done.stdout
    flags = ("--chunk_size", "1000", "--chunk_overlap", "200", "--json")
    done = script(
        tmp_path, "preprocess_documents.py", "--input", "docs", "--output", "processed", *flags
    )
    assert json.loads(done.stdout)["chunks"] == 1
    built = ("rag_system_builder.py", "rag_config.yaml", "--documents", "./processed/")
    done = script(tmp_path, *built, "--vector_db", "memory", "--llm_provider", "extractive")
    assert done.returncode == 0, done.stderr
    assert ":1 is the champion: 1 documents (0 unchanged, 0 removed), in " in done.stdout
    assert "1 chunks: found by words alone" in done.stdout
    done = script(tmp_path, *built, "--vector_db", "memory", "--json")
    found = json.loads(done.stdout)
    keys = {"documents", "chunks", "unchanged", "skipped", "index_version", "seconds"}
    assert keys <= found.keys()
    assert (found["unchanged"], found["index_version"]) == (1, 2)  # another provider of answers


def test_bad_input_names_the_next_step(tmp_path):
    done = script(tmp_path, "preprocess_documents.py", "docs")
    assert (done.returncode, done.stderr) == (
        2,
        "error: IN and OUT are needed\nhint: mlwright rag prepare docs processed\n",
    )
    done = script(tmp_path, "rag_system_builder.py")
    assert (done.returncode, done.stderr) == (
        2,
        "error: no documents are given\nhint: --documents FOLDER, or documents: in CONFIG\n",
    )
