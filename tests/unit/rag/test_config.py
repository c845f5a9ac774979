"""The seed's configuration is valid as it stands, at top level and under `rag:`."""

from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError
from mlwright.rag.config import RagConfig, changed, read_config


def test_the_seeds_file_as_it_stands(tmp_path, seed_rag_config):
    path = tmp_path / "rag_config.yaml"
    path.write_text(seed_rag_config)
    plain = read_config(path)
    assert (plain.vector_db.type, plain.vector_db.dimension) == ("pinecone", 1536)
    assert (plain.llm.provider, plain.llm.temperature) == ("anthropic", 0.7)
    assert plain.name == tmp_path.name
    nested = "\n".join(f"  {line}" for line in seed_rag_config.splitlines())
    path.write_text(f"rag:\n{nested}\nmodel: {{target: y}}\n")
    assert read_config(path) == plain


def test_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("documents: docs\n")
    assert read_config(tmp_path / "c.yaml").documents.path == tmp_path / "docs"


def test_without_a_file_the_workspaces_or_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_config(None) == RagConfig(name=tmp_path.name)
    (tmp_path / "mlwright.yaml").write_text("model: {target: y}\nrag: {name: kb}\n")
    assert read_config(None) == RagConfig(name="kb")


def test_an_unknown_key_is_named_with_its_line(tmp_path):
    (tmp_path / "c.yaml").write_text("chunking:\n  sise: 5\n")
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "c.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/c.yaml:2:3: chunking.sise: unknown key; did you mean 'size'?\n  2 |   sise: 5"
    )


def test_flags_stand_above_the_file():
    config = changed(RagConfig(), chunking={"size": 300}, llm={"provider": "openai"})
    assert (config.chunking.size, config.chunking.overlap) == (300, 60)
    assert config.llm.provider == "openai"
    with pytest.raises(ConfigError, match="chunking: overlap 200 is more than half of size 300"):
        changed(RagConfig(), chunking={"size": 300, "overlap": 200})
