"""A configuration for Pinecone, OpenAI and Anthropic, word for word, against servers that check."""

from __future__ import annotations

import gc
import hashlib
import json
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("pinecone")
pytest.importorskip("openai")
pytest.importorskip("anthropic")

from mlwright.cli.main import main
from mlwright.testing.json_server import Asked, Trouble, json_server
from mlwright.testing.pinecone_server import pinecone_server


class Models:
    """Embeds by words; answers with the words of the first document that it is shown."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def embed(self, asked: Asked):
        self.asked.append(asked)
        assert asked.headers["authorization"] == "Bearer openai-key"
        assert asked.path == "/embeddings"
        assert set(asked.body) == {"model", "input", "encoding_format"}
        data = [
            {"object": "embedding", "index": place, "embedding": vector(text)}
            for place, text in enumerate(asked.body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "model": "ada", "data": data, "usage": usage}

    def answer(self, asked: Asked):
        self.asked.append(asked)
        sent = asked.headers.get("x-api-key") or asked.headers["authorization"]
        assert sent.removeprefix("Bearer ") == "anthropic-key"
        assert asked.path == "/v1/messages"
        body = asked.body
        assert (body["model"], body["max_tokens"]) == ("claude-3-sonnet-20240229", 1000)
        assert body["temperature"] == 0.7
        said = 'Within thirty days. [1 "Money back within thirty days."]'
        return 200, {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": said}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 20, "output_tokens": 4},
        }


def vector(text: str) -> list[float]:
    found = np.full(1536, 1e-3)
    for word in text.lower().replace("?", "").replace(".", "").split():
        found[int.from_bytes(hashlib.md5(word.encode()).digest()[:2]) % 1536] += 1
    return found.tolist()


@pytest.fixture
def services(monkeypatch):
    models = Models()
    with ExitStack() as stack:
        pinecone = stack.enter_context(pinecone_server())
        openai = stack.enter_context(json_server(models.embed, Trouble()))
        anthropic = stack.enter_context(json_server(models.answer, Trouble()))
        for name, value in {
            "PINECONE_API_KEY": "secret",
            "PINECONE_CONTROLLER_HOST": pinecone.url,
            "OPENAI_API_KEY": "openai-key",
            "OPENAI_BASE_URL": openai,
            "ANTHROPIC_API_KEY": "anthropic-key",
            "ANTHROPIC_BASE_URL": anthropic,
        }.items():
            monkeypatch.setenv(name, value)
        yield pinecone, models


@pytest.mark.filterwarnings(
    "ignore:The model:DeprecationWarning",  # it is of 2024
    "ignore::pytest.PytestUnraisableExceptionWarning",  # the SDKs leave their sockets to the end
    "ignore::ResourceWarning",
)
def test_it_builds_finds_and_answers(services, seed_rag_config, workspace, docs, tmp_path, capsys):
    pinecone, models = services
    (tmp_path / "rag_config.yaml").write_text(seed_rag_config)
    here = ["--workspace", str(workspace.root), "--json"]
    build = ["rag", "build", str(tmp_path / "rag_config.yaml"), "--documents", str(docs)]
    assert main([*build, "--name", "kb", *here]) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["chunks"], built["embedder"]) == (3, "openai:text-embedding-ada-002@1536")
    (rows,) = pinecone.rows.values()
    assert len(rows) == 3

    asked = ["rag", "query", "--name", "kb", "--query", "money back within thirty days?"]
    assert main([*asked, *here]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["answer"].startswith("Within thirty days.")
    assert [each["source"] for each in answer["citations"]] == ["a.md"]

    (docs / "b.txt").write_text("Shipping is free.")
    assert main([*build, "--name", "kb", *here]) == 0
    assert json.loads(capsys.readouterr().out)["index_version"] == 2
    texts = [
        text for each in models.asked if each.path == "/embeddings" for text in each.body["input"]
    ]
    assert len(texts) == 3 + 1 + 1  # three chunks, one question, and what changed
    gc.collect()
