"""OpenAI's and Cohere's clients against servers on loopback that check what they are asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

pytest.importorskip("openai")
pytest.importorskip("cohere")

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.rag.config_finding import Embedding
from mlwright.rag.embedders import EMBEDDERS
from mlwright.rag.embedders.remote import Rate
from mlwright.rag.embedding_cache import CachedEmbedder
from mlwright.rag.retries import CallFailed
from mlwright.testing.json_server import Asked, Trouble, json_server

TEXTS = [f"Text number {number}." for number in range(10)]


@dataclass
class Service:
    """Embeds a text as (its number + 1, 1, 0); answers out of order, as OpenAI may."""

    url: str = ""
    dimension: int = 3
    trouble: Trouble = field(default_factory=Trouble)
    asked: list[Asked] = field(default_factory=list)
    together: int = 0
    most_together: int = 0
    meeting: threading.Barrier | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked):
        with self._lock:
            self.asked.append(asked)
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        if self.meeting:
            self.meeting.wait(timeout=10)
        with self._lock:
            self.together -= 1
        if asked.path == "/v2/embed":
            vectors = [self._vector(text) for text in asked.body["texts"]]
            return 200, {"id": "1", "embeddings": {"float": vectors}, "texts": asked.body["texts"]}
        data = [
            {"object": "embedding", "index": place, "embedding": self._vector(text)}
            for place, text in enumerate(asked.body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "model": "m", "data": data[::-1], "usage": usage}

    def _vector(self, text: str) -> list[float]:
        number = int(text.rstrip(".").split()[-1]) if text.strip() else 0
        return [number + 1.0, 1.0, *[0.0] * (self.dimension - 2)]


@pytest.fixture
def service(monkeypatch) -> Iterator[Service]:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-key")
    monkeypatch.setenv("COHERE_API_KEY", "cohere-key")
    made = Service()
    with json_server(made.answer, made.trouble) as made.url:
        yield made


def opened(service: Service, provider: str = "openai_compatible", **more):
    said = {"provider": provider, "model": "m", "dimension": 3, "url": service.url, **more}
    return EMBEDDERS.load(provider)(Embedding(**said), None)


@pytest.mark.parametrize("provider", ["openai", "openai_compatible", "cohere"])
def test_vectors_come_in_the_order_of_the_texts(service, provider):
    embedder = opened(service, provider, batch=4)
    found = embedder.embed(TEXTS, "document")
    expected = np.array([[number + 1, 1, 0] for number in range(10)], dtype=np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(service.asked) == 3
    assert embedder.name == f"{provider}:m@3"
    assert embedder.embed([], "document").shape == (0, 3)


def test_openai_is_asked_as_it_documents(service):
    known = {"model": "text-embedding-3-small", "dimension": 3}
    opened(service, "openai", **known).embed(["One 1", ""], "query")
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/embeddings")
    assert asked.headers["authorization"] == "Bearer openai-key"
    assert asked.body == {
        "model": "text-embedding-3-small",
        "input": ["One 1", " "],
        "dimensions": 3,
        "encoding_format": "float",
    }


def test_cohere_is_told_what_is_a_question(service):
    embedder = opened(service, "cohere")
    embedder.embed(["One 1"], "query")
    embedder.embed(["One 1"], "document")
    assert [each.body["input_type"] for each in service.asked] == [
        "search_query",
        "search_document",
    ]
    assert {each.headers["authorization"] for each in service.asked} == {"Bearer cohere-key"}
    assert service.asked[0].body["embedding_types"] == ["float"]


def test_batches_go_together_but_not_too_many(service):
    service.meeting = threading.Barrier(3)
    opened(service, batch=1, concurrent=3).embed(TEXTS[:9], "document")
    assert service.most_together == 3


def test_cohere_takes_at_most_96_texts(service):
    opened(service, "cohere", batch=500).embed([f"T {i}" for i in range(200)], "document")
    assert sorted(len(each.body["texts"]) for each in service.asked) == [8, 96, 96]


@pytest.mark.parametrize("provider", ["openai", "cohere"])
def test_a_busy_service_is_asked_again_when_it_says(service, provider):
    service.trouble.refusals = [(429, {"retry-after": "0"}), (503, {"retry-after": "0"})]
    assert opened(service, provider).embed(TEXTS, "document").shape == (10, 3)


@pytest.mark.parametrize("provider", ["openai", "cohere"])
def test_a_refusal_that_stays_is_told(service, provider):
    service.trouble.refusals = [(401, {})] * 2
    with pytest.raises(CallFailed) as raised:
        opened(service, provider).embed(TEXTS, "document")
    assert str(raised.value).startswith(f"{provider} answered with HTTP 401")
    assert raised.value.hint == "check the API key"


@pytest.mark.parametrize("provider", ["openai", "cohere"])
def test_a_service_that_is_too_slow_is_not_waited_for(service, provider):
    service.trouble.wait = 1.5
    limit = 0.2 if provider == "openai" else 1.0  # Cohere's client counts whole seconds
    with pytest.raises(CallFailed, match=r"could not be reached$"):
        opened(service, provider, timeout=limit, retries=0).embed(TEXTS[:1], "query")


def test_other_vectors_than_were_promised_are_refused(service):
    service.dimension = 5
    with pytest.raises(RemoteError) as raised:
        opened(service).embed(TEXTS, "document")
    assert str(raised.value) == (
        "openai_compatible:m@3 gave 10 x 5 numbers for 10 texts, not 10 vectors of 3 numbers"
    )


def test_a_rate_spreads_the_calls_evenly():
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    rate = Rate(120, sleep=sleep, monotonic=lambda: now[0])
    for _ in range(4):
        rate.wait()
    assert waits == [0.0, 0.5, 0.5, 0.5]


def test_what_was_done_before_a_refusal_is_not_paid_for_again(service, tmp_path, monkeypatch):
    monkeypatch.setattr("mlwright.rag.embedding_cache._FIRST", 4)
    monkeypatch.setattr("mlwright.rag.embedding_cache._MOST", 4)
    cached = CachedEmbedder(opened(service, batch=4, retries=0), tmp_path / "embeddings.db")
    answer, served = service.answer, []

    def breaks_off(asked):
        served.append(asked)
        return answer(asked) if len(served) < 3 else (500, {"error": {"message": "broken"}})

    monkeypatch.setattr(service, "answer", breaks_off)
    with json_server(breaks_off, Trouble()) as url:
        failing = CachedEmbedder(
            opened(service, url=url, batch=4, retries=0), tmp_path / "embeddings.db"
        )
        with pytest.raises(CallFailed):
            failing.embed(TEXTS, "document")
    service.asked.clear()
    whole = cached.embed(TEXTS, "document")
    assert sum(len(each.body["input"]) for each in service.asked) == 2
    np.testing.assert_allclose(whole, opened(service).embed(TEXTS, "document"), atol=1e-6)
    cached.close()
    failing.close()


@pytest.mark.parametrize(
    ("provider", "said", "message", "hint"),
    [
        (
            "openai",
            {"model": "text-embedding-9"},
            "embedding.dimension: is needed for the model 'text-embedding-9'",
            "write how many numbers its vectors have, for example 768",
        ),
        (
            "openai_compatible",
            {"model": "m"},
            "embedding: an openai_compatible embedder needs url and model",
            "for example url: http://127.0.0.1:11434/v1 and model: nomic-embed-text",
        ),
        (
            "cohere",
            {"model": "embed-9"},
            "embedding.dimension: is needed for the model 'embed-9'",
            "write how many numbers its vectors have, for example 1024",
        ),
    ],
)
def test_what_is_missing_is_told(monkeypatch, provider, said, message, hint):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("COHERE_API_KEY", "k")
    with pytest.raises(ConfigError) as raised:
        EMBEDDERS.load(provider)(Embedding(provider=provider, **said), None)
    assert (str(raised.value), raised.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("provider", "name"), [("openai", "OPENAI_API_KEY"), ("cohere", "COHERE_API_KEY")]
)
def test_a_key_is_needed(monkeypatch, provider, name):
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=f"^the environment variable {name} is not set$"):
        EMBEDDERS.load(provider)(Embedding(provider=provider), None)
