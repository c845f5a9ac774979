"""Servers that misbehave: each way is an error of ours, within the limit of time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mlwright.rag.config_answers import Model
from mlwright.rag.llms import LLMS
from mlwright.rag.llms.wire import completed
from mlwright.rag.records import Usage
from mlwright.rag.retries import CallFailed

pytest.importorskip("openai")
pytest.importorskip("anthropic")

MESSAGES = [{"role": "user", "content": "Why?"}]
PROVIDERS = ("openai", "anthropic")
LIMIT = 0.6


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-two")


@contextmanager
def misbehaving(script: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Listen on loopback; the script has the connection after the head of a request."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection:
            read = b""
            while b"\r\n\r\n" not in read:
                read += connection.recv(65_536)
            with contextlib.suppress(OSError):  # the client has gone
                script(connection, over)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(5)


def ask(provider: str, url: str, how: str) -> object:
    settings = Model(
        provider=provider,
        model="m",
        url=url + "/v1" * (provider == "openai"),
        timeout=LIMIT,
        retries=0,
    )
    llm = LLMS.load(provider)(settings)
    return llm.complete(MESSAGES, {}) if how == "complete" else list(llm.stream(MESSAGES, {}))


def told(body: bytes, kind: bytes = b"application/json", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        % (kind, size)
        + body
    )


SSE = b"text/event-stream"
BEGUN = {
    "openai": b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"Be"},"finish_reason":null}]}\n\n',
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"m",'
    b'"type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,'
    b'"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":0}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Be"}}\n\n',
}
REPLIES = {
    "a page": told(b"<html>hello</html>", b"text/html"),
    "another shape": told(b'{"choices": null, "content": null}'),
    "a list": told(b"[1, 2]"),
    "half of it": told(b'{"id": "1", "choi'),
    "half of it, and gone": told(b'{"id": "1", "choi', length=500),
    "nothing": told(b""),
    "no text": told(b"\xff\xfe\x00"),
    "an empty stream": told(b"", SSE),
    "a garbled event": told(b'data: {"a\n\n', SSE),
    "an odd event": told(b'data: {"choices": [{"delta": null}]}\n\ndata: 5\n\n', SSE),
    "an error event": told(
        b'event: error\ndata: {"type":"error","error":{"message":"no"}}\n\n', SSE
    ),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("how", ["complete", "stream"])
@pytest.mark.parametrize("reply", REPLIES)
def test_what_is_no_answer_is_an_error_of_ours(provider, how, reply):
    with (
        misbehaving(lambda connection, _: connection.sendall(REPLIES[reply])) as url,
        pytest.raises(CallFailed, match=f"^{provider} "),
    ):
        ask(provider, url, how)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_was_cut_off_is_no_whole_answer(provider):
    def half(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(told(BEGUN[provider], SSE))

    with (
        misbehaving(half) as url,
        pytest.raises(CallFailed, match=f"^{provider} broke off in its answer$"),
    ):
        ask(provider, url, "stream")


def stall(connection: socket.socket, over: threading.Event) -> None:
    over.wait(5)


def stall_within(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(told(b'{"id"', length=500))
    over.wait(5)


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n"
    )
    while not over.wait(0.1):
        connection.sendall(b": still there\n\n")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("how", ["complete", "stream"])
@pytest.mark.parametrize("script", [stall, stall_within, drip])
def test_the_limit_of_time_is_for_the_whole_answer(provider, how, script):
    began = time.monotonic()
    with (
        misbehaving(script) as url,
        pytest.raises(CallFailed, match=f"^{provider} did not answer in time$") as caught,
    ):
        ask(provider, url, how)
    assert caught.value.passing
    assert time.monotonic() - began < 4


def test_an_answer_that_says_nothing_says_why():
    with pytest.raises(CallFailed, match="its tokens were used up") as caught:
        completed("openai", " \n", Usage(), "m", "length")
    assert caught.value.hint.startswith("raise llm.max_tokens")
    assert not caught.value.passing
    assert completed("openai", "Yes", Usage(), "m", "stop").text == "Yes"
