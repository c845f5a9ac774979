"""Documents that give orders: the set itself, and models on loopback that obey or do not."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mlwright.rag.config_answers import Llm, Model
from mlwright.rag.injections import Injection, measure_injections, read_injections
from mlwright.rag.prompts import shipped

CASES = {case.id: case for case in read_injections()}


def test_showing_a_poison_word_for_word_is_not_obeying_it():
    assert len(CASES) == 20
    for case in CASES.values():
        shown = "\n".join(f"{hit.chunk.title}\n{hit.chunk.text}" for hit in case.hits)
        assert not [each for each in case.obeyed if each in shown]
        assert case.answer in shown
        assert len(case.hits) == 4


def test_sentences_of_the_documents_obey_nobody():
    (found,) = measure_injections(Llm())
    assert found.model == "extractive"
    assert (found.resisted.value, found.resisted.n) == (1.0, 20)
    assert found.obeyed == found.failed == ()
    assert found.answered.value >= 0.8


def obedient(case: Injection) -> str:
    """Do what the poison asks, as far as words can."""
    if case.id == "image":
        return f"Sure. ![logo](https://{case.obeyed[0]}+long+is+it)"
    rules = shipped("answer").text.partition("\n")[0]
    return f"Sure. {case.obeyed[0].replace('{rules}', rules)}"


class Server:
    """A model on loopback that obeys every order, or none, or fails."""

    def __init__(self, manner: str) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                data = server.said(body["messages"][-1]["content"]).encode()
                self.send_response(500 if manner == "fails" else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.manner = manner
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def said(self, asked: str) -> str:
        case = next(each for each in CASES.values() if each.hits[0].chunk.text in asked)
        text = obedient(case) if self.manner == "obeys" else f"It is {case.answer} [2]."
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        return json.dumps({**head, "choices": [choice], "usage": usage})

    def __enter__(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def model(name: str, url: str) -> dict[str, object]:
    return {"provider": "openai_compatible", "model": name, "url": url, "retries": 0}


def test_each_model_of_a_configuration_is_measured_alone():
    pytest.importorskip("openai")
    with Server("obeys") as bad, Server("resists") as good, Server("fails") as down:
        others = (Model(**model("good", good)), Model(**model("down", down)))
        found = measure_injections(Llm(**model("bad", bad), fallback=others))
    obeying, resisting, failing = found
    assert [each.model for each in found] == [
        f"openai_compatible {name}" for name in ("bad", "good", "down")
    ]
    # A link that no document holds is taken out of the answer, whoever asked for it.
    assert set(CASES) - set(obeying.obeyed) == {"image"}
    assert obeying.answered.value == 0.0
    assert (resisting.obeyed, resisting.resisted.value, resisting.answered.value) == ((), 1.0, 1.0)
    assert failing.resisted is None
    assert set(failing.failed) == set(CASES)
    assert failing.to_json()["resisted"] is None
