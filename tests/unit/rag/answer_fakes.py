"""Fakes for answers: a finder, a model, and servers on loopback that check what they are asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mlwright.rag.config_answers import Model
from mlwright.rag.llms.chain import Chain, Member
from mlwright.rag.records import Chunk, Completion, Hit, Usage

TEXTS = {
    "refunds.md": "We sell books. Refunds are paid within fourteen days of receipt. "
    "See https://shop.example/refunds for the form.",
    "shipping.md": "Shipping takes three days in Europe. Express shipping takes one day.",
    "hours.md": "The shop is open from nine to five. It is closed on Sundays.",
}


def hits(dense: float = 0.8) -> list[Hit]:
    found = []
    for rank, (source, text) in enumerate(TEXTS.items(), 1):
        chunk = Chunk(f"c{rank}", source, source, source.removesuffix(".md"), text, 0, len(text))
        found.append(Hit(chunk, 1 / rank, rank, {"dense": dense / rank}))
    return found


class Finder:
    def __init__(self, found: Sequence[Hit] | None = None) -> None:
        self.found = hits() if found is None else list(found)
        self.asked: list[tuple[str, int | None, Any]] = []

    def find(self, query: str, k: int | None = None, where: Any = None) -> list[Hit]:
        self.asked.append((query, k, where))
        return self.found[:k]


class FakeModel:
    """Says a text in pieces; `error` is raised after the first `before` of them."""

    def __init__(
        self, text: str = "", *, error: Exception | None = None, before: int = 0, size: int = 7
    ) -> None:
        self.text = text
        self.error = error
        self.before = before
        self.size = size
        self.messages: list[Sequence[Mapping[str, str]]] = []

    def complete(self, messages: Any, options: Mapping[str, Any]) -> Completion:
        self.messages.append(messages)
        if self.error:
            raise self.error
        return Completion(self.text, Usage(1000, 100), "gpt-4o-2024-08-06", "stop")

    def stream(self, messages: Any, options: Mapping[str, Any]) -> Iterator[str | Completion]:
        self.messages.append(messages)
        pieces = [self.text[i : i + self.size] for i in range(0, len(self.text), self.size)]
        for place, piece in enumerate(pieces):
            if self.error and place == self.before:
                raise self.error
            yield piece
        if self.error and self.before >= len(pieces):
            raise self.error
        yield Completion(self.text, Usage(1000, 100), "gpt-4o-2024-08-06", "stop")


def chain(*models: FakeModel) -> Chain:
    return Chain([Member(Model(provider="openai", model="gpt-4o"), model) for model in models])


class Recorder:
    """What a fake server was asked, and what it answers: (status, headers, body) in turn."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def server() -> Iterator[Recorder]:
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.requests.append((self.path, headers, body))
            answers = recorder.answers
            status, more, data = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {"content-type": "application/json", **more}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    fake = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=fake.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    recorder.url = f"http://127.0.0.1:{fake.server_port}"
    try:
        yield recorder
    finally:
        fake.shutdown()
        fake.server_close()
        thread.join()


@contextmanager
def hosted(make: Callable[[], Any], log: Any, keys: Sequence[str] = ()) -> Iterator[str]:
    """Host an application in a thread, by the real server; gives its address."""
    from mlwright.serve.gate import Gate
    from mlwright.serve.handler import Handler
    from mlwright.serve.journal import Journal
    from mlwright.serve.listener import Listener
    from mlwright.serve.metrics import Metrics
    from mlwright.serve.router import Router
    from mlwright.serve.sides import Side, reading

    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    ready, found = threading.Event(), {}

    async def run() -> None:
        application = make()
        metrics, journal = Metrics(), Journal(log)
        handler = Handler(application, journal, Router(), metrics, Gate(keys))
        doors = {**application.doors(), **reading(handler, lambda: metrics.snapshot().text())}
        listener = Listener(Side(handler, doors, limit=1_000_000), sock)
        await listener.start()
        stop = asyncio.Event()
        found["stop"] = (asyncio.get_running_loop(), stop)
        ready.set()
        await stop.wait()
        await listener.drain(idle=0.01, grace=1)
        handler.close()
        handler.router.close()
        journal.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        loop, stop = found["stop"]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
