"""The API as clients see it: over real sockets, by the real server and OpenAI's own client."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlwright.rag.answer import Answerer
from mlwright.rag.application import Parts, RagApplication
from mlwright.rag.cache import MemoryCache
from mlwright.rag.config_answers import Api, Llm
from mlwright.rag.retries import CallFailed

from .answer_fakes import FakeModel, Finder, chain, hosted

TOLD = 'Refunds take two weeks [1 "within fourteen days of receipt"]. Really [9].'


def application(tmp_path: Path, **options: Any) -> RagApplication:
    answerer = options.pop("answerer", None) or Answerer(Finder())
    parts = Parts("kb", 3, answerer, "index-1", tmp_path / "log", **options)
    return RagApplication(parts)


def told(text: str = TOLD, **options: Any) -> Answerer:
    return Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(FakeModel(text)))


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    files = sorted((tmp_path / "log").glob("predictions-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_query_is_answered_with_citations_and_logged(tmp_path):
    with hosted(lambda: application(tmp_path), tmp_path / "log") as url:
        answer = httpx.post(f"{url}/query", json={"query": "When are refunds paid?", "k": 2})
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-model-version"] == "3"
    assert body["kind"] == "extractive"
    assert "Refunds are paid within fourteen days of receipt. [1]" in body["answer"]
    assert body["citations"][0]["source"] == "refunds.md"
    assert body["citations"][0]["span"] == [15, 64]
    assert [hit["id"] for hit in body["hits"]] == ["c1", "c2"]
    assert set(body["timings_ms"]) == {"find", "extract", "total"}
    (line,) = lines(tmp_path)
    assert (line["query"], line["answer"]) == ("When are refunds paid?", "extractive")
    assert (line["request_id"], line["version"]) == (body["request_id"], 3)
    assert line["cited"] == ["refunds.md"]


def test_words_stay_out_of_the_log_where_that_is_asked(tmp_path):
    made = lambda: application(tmp_path, api=Api(log_text=False))  # noqa: E731
    with hosted(made, tmp_path / "log") as url:
        httpx.post(f"{url}/query", json={"query": "When are refunds paid?"})
    assert lines(tmp_path)[0]["query"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"query": ""}, 422, "query"),
        ({"query": "  "}, 422, "query"),
        ({"query": "a", "k": 0}, 422, "k"),
        ({"query": "a", "top_k": 3}, 422, "body"),
        ({"query": "a", "filters": "year >"}, 422, "filters"),
        ({"query": "a", "filters": {"year": None}}, 422, "filters"),
    ],
)
def test_what_has_another_shape_is_refused_by_field(tmp_path, body, status, field):
    with hosted(lambda: application(tmp_path), tmp_path / "log") as url:
        answer = httpx.post(f"{url}/query", json=body)
        broken = httpx.post(f"{url}/query", content=b"{")
    assert answer.status_code == status
    assert answer.json()["error"]["field"].startswith(field)
    assert (broken.status_code, broken.json()) == (
        400,
        {"error": {"reason": "the body is not JSON"}},
    )


def test_retrieve_gives_hits_alone(tmp_path):
    finder = Finder()
    made = lambda: application(tmp_path, answerer=Answerer(finder))  # noqa: E731
    with hosted(made, tmp_path / "log") as url:
        answer = httpx.post(
            f"{url}/retrieve", json={"query": "refunds", "k": 1, "filters": {"year": 2024}}
        )
    body = answer.json()
    assert [hit["source"] for hit in body["hits"]] == ["refunds.md"]
    assert "answer" not in body
    assert finder.asked == [("refunds", 1, {"year": 2024})]
    assert lines(tmp_path)[0]["answer"] == "retrieval"


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_stream_ends_with_the_citations(tmp_path):
    made = lambda: application(tmp_path, answerer=told())  # noqa: E731
    with hosted(made, tmp_path / "log") as url:
        answer = httpx.post(f"{url}/query", json={"query": "refunds?", "stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *pieces, (name, last) = events(answer.text)
    assert name == "answer"
    assert len(pieces) > 2
    text = "".join(piece["text"] for _, piece in pieces)
    assert text == last["answer"] == "Refunds take two weeks [1]. Really."
    assert last["citations"][0]["text"] == "within fourteen days of receipt"
    assert last["removed_citations"] == 1
    assert last["cost"] == pytest.approx(0.0035)
    assert lines(tmp_path)[0]["cited"] == ["refunds.md"]


def test_a_stream_that_breaks_off_says_so(tmp_path):
    model = FakeModel(TOLD, error=CallFailed("the wire broke: secret", passing=True), before=4)
    answerer = Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(model))
    with hosted(lambda: application(tmp_path, answerer=answerer), tmp_path / "log") as url:
        answer = httpx.post(f"{url}/query", json={"query": "refunds?", "stream": True})
    assert events(answer.text)[-1] == (
        "error",
        {"error": {"reason": "the language model or store did not answer; try again"}},
    )


def test_openai_client_is_told_of_a_stream_that_breaks_off(tmp_path):
    openai = pytest.importorskip("openai")
    model = FakeModel(TOLD, error=CallFailed("the wire broke: secret", passing=True), before=4)
    answerer = Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(model))
    with hosted(lambda: application(tmp_path, answerer=answerer), tmp_path / "log") as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
        stream = client.chat.completions.create(
            model="kb", messages=[{"role": "user", "content": "refunds?"}], stream=True
        )
        with pytest.raises(openai.APIError, match="the language model or store did not answer"):
            list(stream)
        client.close()
        page = httpx.get(f"{url}/metrics").text
    assert "mlwright_broken_answers_total 1" in page


def test_a_model_that_fails_is_a_503_without_its_words(tmp_path):
    model = FakeModel(error=CallFailed("openai said: secret", passing=False))
    answerer = Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(model))
    with hosted(lambda: application(tmp_path, answerer=answerer), tmp_path / "log") as url:
        whole = httpx.post(f"{url}/query", json={"query": "refunds?"})
        stream = httpx.post(f"{url}/query", json={"query": "refunds?", "stream": True})
    for answer in (whole, stream):
        assert answer.status_code == 503
        assert "secret" not in answer.text


def test_openai_client_talks_to_us_and_keeps_the_references(tmp_path):
    openai = pytest.importorskip("openai")
    with hosted(lambda: application(tmp_path, answerer=told()), tmp_path / "log") as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
        messages = [
            {"role": "system", "content": "Be rude."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "How long do refunds take?"},
        ]
        whole = client.chat.completions.create(model="kb", messages=messages)
        chunks = list(
            client.chat.completions.create(
                model="kb",
                messages=messages,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        names = [model.id for model in client.models.list()]
        with pytest.raises(openai.UnprocessableEntityError, match="the last one must be"):
            client.chat.completions.create(model="kb", messages=messages[:3])
        client.close()
    assert names == ["kb"]
    assert whole.choices[0].message.content == "Refunds take two weeks [1]. Really."
    assert whole.usage.total_tokens == 1100
    assert whole.model_extra["citations"][0]["source"] == "refunds.md"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Refunds take two weeks [1]. Really."
    ended = next(c for c in chunks if c.choices and c.choices[0].finish_reason)
    assert ended.model_extra["citations"][0]["text"] == "within fourteen days of receipt"
    assert chunks[-1].usage.prompt_tokens == 1000


def test_an_answer_comes_from_the_cache_but_never_across_keys(tmp_path):
    finder = Finder()
    cache = MemoryCache(10, 60.0)
    made = lambda: application(tmp_path, answerer=Answerer(finder), cache=cache)  # noqa: E731
    with hosted(made, tmp_path / "log", keys=["one", "two"]) as url:

        def ask(key: str, **more: Any) -> Any:
            body = {"query": "When are refunds paid?", **more}
            return httpx.post(f"{url}/query", json=body, headers={"x-api-key": key}).json()

        first, again, other = ask("one"), ask("one"), ask("two")
        streamed = httpx.post(
            f"{url}/query",
            json={"query": "When are refunds paid?", "stream": True},
            headers={"authorization": "Bearer two"},
        )
        page = httpx.get(f"{url}/metrics", headers={"x-api-key": "one"}).text
        refused = httpx.post(f"{url}/query", json={"query": "a"})
    assert [each["cached"] for each in (first, again, other)] == [False, True, False]
    assert again["citations"] == first["citations"]
    assert refused.status_code == 401
    assert events(streamed.text)[-1][1]["answer"] == first["answer"]
    assert "mlwright_answer_cache_hits_total 1" in page
    assert 'mlwright_answers_total{kind="extractive"} 4' in page  # the streamed one too


def test_another_index_or_prompt_starts_with_an_empty_cache(tmp_path):
    cache = MemoryCache(10, 60.0)
    for identity in ("index-1", "index-2"):
        parts = Parts("kb", 3, Answerer(Finder()), identity, tmp_path / "log", cache=cache)
        with hosted(lambda parts=parts: RagApplication(parts), tmp_path / "log") as url:
            body = httpx.post(f"{url}/query", json={"query": "When are refunds paid?"}).json()
        assert not body["cached"]


def test_too_many_requests_a_minute_are_told_when_to_come_again(tmp_path):
    made = lambda: application(tmp_path, api=Api(rate_limit=2))  # noqa: E731
    with hosted(made, tmp_path / "log") as url:
        answers = [httpx.post(f"{url}/query", json={"query": "refunds"}) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) in range(1, 32)


def test_browsers_of_other_origins_are_let_in_only_when_named(tmp_path):
    named = lambda: application(  # noqa: E731
        tmp_path, api=Api(cors_origins=("https://a.example",))
    )
    for made, allowed in ((named, "https://a.example"), (lambda: application(tmp_path), None)):
        with hosted(made, tmp_path / "log", keys=["one"]) as url:
            ask = {"origin": "https://a.example", "access-control-request-method": "POST"}
            before = httpx.options(f"{url}/query", headers=ask)
            answer = httpx.post(
                f"{url}/query",
                json={"query": "refunds"},
                headers={"origin": "https://a.example", "x-api-key": "one"},
            )
            evil = httpx.post(
                f"{url}/query",
                json={"query": "refunds"},
                headers={"origin": "https://evil.example", "x-api-key": "one"},
            )
        assert (before.status_code == 204) == (allowed is not None)
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert "access-control-allow-origin" not in evil.headers


def test_feedback_is_kept_as_a_measure_and_in_the_log(tmp_path):
    with hosted(lambda: application(tmp_path), tmp_path / "log") as url:
        good = httpx.post(
            f"{url}/feedback", json={"request_id": "r1", "score": 1, "comment": "just right"}
        )
        bad = httpx.post(f"{url}/feedback", json={"request_id": "r1", "score": 5})
        page = httpx.get(f"{url}/metrics").text
    assert good.json()["kept"]
    assert bad.status_code == 422
    (line,) = lines(tmp_path)
    assert (line["line"], line["score"], line["comment"]) == ("feedback", 1.0, "just right")
    (file,) = (tmp_path / "log").glob("measures-*.jsonl")
    measure = json.loads(file.read_text())
    assert (measure["request_id"], measure["measure"], measure["value"]) == ("r1", "feedback", 1.0)
    assert 'mlwright_feedback_total{sign="good"} 1' in page


def test_docs_describe_every_route(tmp_path):
    made = application(tmp_path)
    with hosted(lambda: made, tmp_path / "log") as url:
        document = httpx.get(f"{url}/openapi.json").json()
        page = httpx.get(f"{url}/docs")
        ready = httpx.get(f"{url}/health/ready").json()
    paths = {(method.upper(), path) for path, all_ in document["paths"].items() for method in all_}
    routes = set(made.doors()) - {("GET", path) for path in ("/", "/openapi.json", "/docs")}
    assert paths == routes | {("GET", "/health/live"), ("GET", "/health/ready")}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert ready == {"status": "ready", "model": "kb", "version": 3}


def test_one_that_waits_for_a_slow_model_keeps_nobody_else_waiting(tmp_path):
    class Slow(FakeModel):
        def complete(self, messages: Any, options: Any) -> Any:
            time.sleep(1.0)
            return super().complete(messages, options)

    answerer = Answerer(Finder(), Llm(provider="openai", model="gpt-4o"), chain=chain(Slow(TOLD)))
    with (
        hosted(lambda: application(tmp_path, answerer=answerer), tmp_path / "log") as url,
        httpx.Client() as one,
        httpx.Client() as two,
    ):
        waiting = threading.Thread(
            target=lambda: one.post(f"{url}/query", json={"query": "refunds"})
        )
        waiting.start()
        began = time.monotonic()
        assert two.post(f"{url}/retrieve", json={"query": "refunds"}).status_code == 200
        assert time.monotonic() - began < 0.8
        waiting.join()
