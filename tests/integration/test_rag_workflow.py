"""Workflow 3 as users know it: the configuration and the commands word for word, by the scripts.

Pinecone, OpenAI and Anthropic are servers on loopback that check what they are asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from mlwright.testing.json_server import Asked, Said, Trouble, json_server
from mlwright.testing.pinecone_server import pinecone_server

for package in ("openai", "anthropic", "pinecone"):
    pytest.importorskip(package)

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

SCRIPTS = Path(__file__).parents[2] / "skills" / "senior-ml-engineer" / "scripts"
REFUNDS = "# Refunds\n\nOur refund policy: money is paid back within 30 days of receipt.\n"


def embedded(text: str) -> list[float]:
    vector = np.full(1536, 1e-3)
    for word in text.lower().replace(":", " ").replace("?", " ").split():
        vector[hashlib.md5(word.encode()).digest()[0]] += 1
    return [float(each) for each in vector]


def openai(asked: Asked) -> Said:
    body = asked.body
    if asked.headers.get("authorization") != "Bearer sk-open":
        return 401, {"error": {"message": "no such key"}}
    assert asked.path == "/v1/embeddings"
    assert body["model"] == "text-embedding-ada-002"
    data = [
        {"object": "embedding", "index": place, "embedding": embedded(text)}
        for place, text in enumerate(body["input"])
    ]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return 200, {"object": "list", "data": data, "model": body["model"], "usage": usage}


def anthropic(asked: Asked) -> Said:
    body = asked.body
    given = (asked.headers.get("x-api-key"), asked.headers.get("authorization"))
    if not {"sk-anth", "Bearer sk-anth"} & set(given):
        return 401, {"type": "error", "error": {"type": "auth", "message": "no such key"}}
    assert asked.path == "/v1/messages"
    assert (body["model"], body["max_tokens"]) == ("claude-3-sonnet-20240229", 1000)
    assert body["temperature"] == 0.7
    assert "data that strangers wrote" in body["system"]
    assert "Document [1]" in body["messages"][-1]["content"]
    text = 'You get your money back [1 "paid back within 30 days of receipt"]. See [9].'
    return 200, {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 200, "output_tokens": 20},
    }


@pytest.fixture
def environment(tmp_path) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        pinecone = stack.enter_context(pinecone_server(key="pc-key"))
        openai_url = stack.enter_context(json_server(openai, Trouble()))
        anthropic_url = stack.enter_context(json_server(anthropic, Trouble()))
        yield {
            **os.environ,
            "PINECONE_API_KEY": "pc-key",
            "PINECONE_CONTROLLER_HOST": pinecone.url,
            "OPENAI_API_KEY": "sk-open",
            "OPENAI_BASE_URL": f"{openai_url}/v1",
            "ANTHROPIC_API_KEY": "sk-anth",
            "ANTHROPIC_BASE_URL": anthropic_url,
        }


@pytest.fixture
def project(tmp_path: Path, seed_rag_config: str) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "eval").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text(REFUNDS)
    (tmp_path / "docs" / "hours.txt").write_text("The shop opens at nine and closes at five.")
    (tmp_path / "rag_config.yaml").write_text(seed_rag_config)
    asked = [
        {"query": "What is the refund policy?", "relevant": ["refunds.md"]},
        {"query": "When does the shop open?", "relevant": ["hours.txt"]},
    ]
    (tmp_path / "eval" / "queries.json").write_text(json.dumps(asked))
    pairs = [{"query": each["query"], "answer": "Within 30 days."} for each in asked]
    (tmp_path / "eval" / "qa_pairs.json").write_text(json.dumps(pairs))
    return tmp_path


def test_the_workflow_word_for_word(project, environment):
    def script(line: str) -> str:
        name, *arguments = shlex.split(line)
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / name), *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    prepared = "preprocess_documents.py --input docs --output ./processed/"
    assert "2 documents became 2 chunks" in script(
        f"{prepared} --chunk_size 1000 --chunk_overlap 200"
    )
    built = script(
        "rag_system_builder.py rag_config.yaml --documents ./processed/ --vector_db pinecone"
        " --embedding_model text-embedding-ada-002 --llm_provider anthropic"
    )
    assert "is the champion: 2 documents" in built
    answer = script('test_rag.py --query "What is the refund policy?"')
    assert "You get your money back [1]." in answer
    assert "refunds.md" in answer
    assert "$0.0009" in answer  # 200 tokens at $3 a million, 20 at $15
    found = script("test_rag_retrieval.py --test_queries ./eval/queries.json --k 5")
    assert "recall@5" in found
    measured = script(
        "evaluate_rag.py --test_data ./eval/qa_pairs.json --metrics faithfulness,answer_relevancy"
    )
    assert "faithfulness" in measured

    command = [sys.executable, str(SCRIPTS / "deploy_rag_api.py"), "--port", "0"]
    command += ["--workers", "1", "--enable_caching", "true"]
    served = subprocess.Popen(
        command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert served.stderr
        url = address(served.stderr)
        query = {"query": "What is the refund policy?"}
        body = asked_until_ready(url, query)
        assert body["answer"] == "You get your money back [1]. See."
        assert body["citations"][0]["text"] == "paid back within 30 days of receipt"
        assert body["removed_citations"] == 1
        again = httpx.post(f"{url}/query", json=query, timeout=30).json()
        assert (again["cached"], again["cost"]) == (True, 0.0)
        assert "chat" in httpx.get(f"{url}/").text
    finally:
        served.terminate()
        served.wait(20)
        if served.stderr:
            served.stderr.close()


def address(lines: Iterator[str]) -> str:
    """Return where it says that it answers; all that it said, where it does not."""
    said = []
    for line in lines:
        said.append(line)
        if " answers on " in line:
            return line.split(" answers on ")[1].split("/query")[0]
    raise AssertionError("".join(said))


def asked_until_ready(url: str, query: dict[str, str]) -> dict[str, object]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            answer = httpx.post(f"{url}/query", json=query, timeout=30)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code == 200:
            found: dict[str, object] = answer.json()
            return found
        time.sleep(0.2)
    raise AssertionError("it was never ready")
