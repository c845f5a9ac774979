"""OpenAI's and Anthropic's clients against servers on loopback that check what they are asked."""

from __future__ import annotations

import json
import time

import pytest

from mlwright.core.errors import ConfigError, MissingExtra, UnknownBackend
from mlwright.rag.config_answers import Llm, Model
from mlwright.rag.llms import LLMS
from mlwright.rag.llms.chain import Chain
from mlwright.rag.records import Completion, Usage
from mlwright.rag.retries import CallFailed, retry_after, tried

from .answer_fakes import Recorder, server

pytest.importorskip("openai")
pytest.importorskip("anthropic")

MESSAGES = [{"role": "system", "content": "Rules"}, {"role": "user", "content": "Why?"}]


def openai_answer(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": message, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
        }
    ).encode()


def openai_stream(*texts: str) -> bytes:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    events = [
        {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        for text in texts
    ]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14}
    events.append({**head, "choices": [], "usage": usage})
    return b"".join(b"data: %b\n\n" % json.dumps(e).encode() for e in events) + b"data: [DONE]\n\n"


def anthropic_answer(text: str) -> bytes:
    return json.dumps(
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-3-sonnet-20240229",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 20, "output_tokens": 4},
        }
    ).encode()


def anthropic_stream(*texts: str) -> bytes:
    start = json.loads(anthropic_answer(""))
    start["content"] = []
    events = [{"type": "message_start", "message": start}]
    events.append(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    )
    for text in texts:
        delta = {"type": "text_delta", "text": text}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    ending = {"stop_reason": "max_tokens", "stop_sequence": None}
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": 9}})
    events.append({"type": "message_stop"})
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


SSE = {"content-type": "text/event-stream"}


def opened(provider: str, recorder: Recorder, **more: object) -> object:
    url = recorder.url if provider == "anthropic" else f"{recorder.url}/v1"
    settings = Model(provider=provider, model="m", url=url, **more)  # type: ignore[arg-type]
    return LLMS.load(provider)(settings)


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-two")
    monkeypatch.setenv("OWN_KEY", "sk-own")


def test_openai_is_asked_as_its_protocol_says():
    with server() as fake:
        fake.answers = [(200, {}, openai_answer("Because."))]
        llm = opened("openai", fake, temperature=0.7, max_tokens=50)
        found = llm.complete(MESSAGES, {})
    assert found == Completion("Because.", Usage(12, 3), "gpt-4o-2024-08-06", "length")
    ((path, headers, body),) = fake.requests
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-one"
    assert body == {
        "model": "m",
        "messages": MESSAGES,
        "max_completion_tokens": 50,
        "temperature": 0.7,
    }


def test_another_server_of_that_protocol_gets_the_old_name_and_its_own_key():
    with server() as fake:
        fake.answers = [(200, {}, openai_answer("Because."))]
        opened("openai_compatible", fake, api_key="env:OWN_KEY").complete(
            MESSAGES, {"max_tokens": 7, "temperature": 0.0}
        )
        opened("openai_compatible", fake).complete(MESSAGES, {})
    (_, headers, body), (_, keyless, _) = fake.requests
    assert headers["authorization"] == "Bearer sk-own"
    assert keyless["authorization"] == "Bearer none"
    assert (body["max_tokens"], body["temperature"]) == (7, 0.0)
    assert "max_completion_tokens" not in body


def test_openai_streams_with_its_usage():
    with server() as fake:
        fake.answers = [(200, SSE, openai_stream("Be", "cause."))]
        found = list(opened("openai", fake).stream(MESSAGES, {}))
    assert found == ["Be", "cause.", Completion("Because.", Usage(12, 2), "gpt-4o", "stop")]
    body = fake.requests[0][2]
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_anthropic_is_asked_as_its_protocol_says():
    with server() as fake:
        fake.answers = [(200, {}, anthropic_answer("Because."))]
        found = opened("anthropic", fake, temperature=0.7).complete(MESSAGES, {})
    assert found == Completion("Because.", Usage(20, 4), "claude-3-sonnet-20240229", "stop")
    ((path, headers, body),) = fake.requests
    assert path == "/v1/messages"
    # Which header carries the key is the client's affair: it changed with its version 2.
    assert "sk-two" in (headers.get("x-api-key", ""), headers.get("authorization", "")[7:])
    assert headers["anthropic-version"]
    assert body == {
        "model": "m",
        "max_tokens": 500,
        "messages": MESSAGES[1:],
        "system": "Rules",
        "temperature": 0.7,
    }


def test_anthropic_streams_with_its_usage():
    with server() as fake:
        fake.answers = [(200, SSE, anthropic_stream("Be", "cause."))]
        found = list(opened("anthropic", fake).stream(MESSAGES, {}))
    model = "claude-3-sonnet-20240229"
    assert found == ["Be", "cause.", Completion("Because.", Usage(20, 9), model, "length")]
    assert fake.requests[0][2]["stream"] is True


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_busy_provider_is_asked_again_after_as_long_as_it_says(provider):
    good = openai_answer("Ok") if provider == "openai" else anthropic_answer("Ok")
    busy = b'{"error": {"message": "slow down", "type": "rate"}}'
    with server() as fake:
        fake.answers = [(429, {"retry-after": "0.2"}, busy), (200, {}, good)]
        began = time.monotonic()
        assert opened(provider, fake).complete(MESSAGES, {}).text == "Ok"
        assert time.monotonic() - began >= 0.2
    assert len(fake.requests) == 2


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_wrong_key_is_told_at_once(provider):
    reason = b'{"error": {"message": "no such key", "type": "auth"}}'
    with server() as fake:
        fake.answers = [(401, {}, reason)]
        with pytest.raises(CallFailed, match=f"{provider} answered with HTTP 401") as caught:
            opened(provider, fake).complete(MESSAGES, {})
    assert (caught.value.hint, caught.value.passing) == ("check the API key", False)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_nobody_at_the_address_is_an_error_of_ours(provider):
    settings = Model(provider=provider, model="m", url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(CallFailed, match=f"{provider} cannot be reached"):
        LLMS.load(provider)(settings).complete(MESSAGES, {})


def test_the_next_of_a_chain_is_asked_when_one_fails():
    with server() as first, server() as second:
        first.answers = [(500, {}, b"{}")]
        second.answers = [(200, {}, anthropic_answer("Second."))]
        llm = Llm(
            provider="openai",
            model="a",
            url=f"{first.url}/v1",
            retries=0,
            fallback=(Model(provider="anthropic", model="b", url=second.url),),
        )
        asked: list[str] = []
        chain = Chain.of(llm)
        found = chain.complete(MESSAGES, {}, asked=lambda m: asked.append(m.settings.provider))
    assert (found.text, asked) == ("Second.", ["openai", "anthropic"])


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="the environment variable OPENAI_API_KEY is not set"):
        Chain.of(Llm(provider="openai", model="m"))
    with pytest.raises(ConfigError, match=r"llm\.model: is missing: anthropic has many models"):
        Chain.of(Llm(provider="anthropic"))
    with pytest.raises(ConfigError, match=r"llm\.url: is missing"):
        Chain.of(Llm(provider="openai_compatible", model="llama3"))
    with pytest.raises(UnknownBackend, match="did you mean 'openai'"):
        Chain.of(Llm(provider="opnai", model="m"))
    assert issubclass(MissingExtra, ImportError)


def test_waits_grow_and_end_within_the_limit():
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def call(_left: float) -> None:
        raise CallFailed("busy", passing=True)

    options = {"sleep": sleep, "monotonic": lambda: now[0], "chance": lambda: 1.0}
    with pytest.raises(CallFailed):
        tried(call, retries=10, seconds=10, **options)
    assert slept == [0.5, 1.0, 2.0, 4.0]  # the next would be 8: over the ten seconds
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
