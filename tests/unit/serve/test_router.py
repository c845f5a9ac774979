from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path

import pytest

from mlwright.serve.router import Candidate, Router, Routes, position

ROW = {"tenure": 3, "charges": None, "contract": "y"}
BODY = {"records": [ROW]}


@pytest.fixture
def socket():
    with tempfile.TemporaryDirectory(prefix="mlw-") as folder:
        yield Path(folder) / "c.sock"


async def closed(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def answering(status: int, body: bytes = b'{"from":"candidate"}'):
    """Return a candidate that reads one request at a time and always answers this."""

    async def answer(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(text.split(b":")[1])
                    for text in head.lower().split(b"\r\n")
                    if text.startswith(b"content-length")
                )
                answer.seen.append(head + await reader.readexactly(length))
                start = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n" % (status, len(body))
                writer.write(start + b"x-model-version: 2\r\n\r\n" + body)
        await closed(writer)

    answer.seen = []
    return answer


async def hanging(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readexactly(1 << 20)
    await closed(writer)


async def dying(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await closed(writer)


async def babbling(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello, this is no HTTP\r\n\r\n")
    await closed(writer)


def route(socket, weight=1.0, deadline_ms=2000.0, release=7):
    return Routes(release, "salt", Candidate(2, str(socket), weight), deadline_ms)


def ask_with(here, socket, candidate, routes, *, headers=None, times=1, body=BODY):
    async def run():
        server = await asyncio.start_unix_server(candidate, socket) if candidate else None
        here.handler.router.set(routes)
        replies = [await here.ask(body=body, headers=headers) for _ in range(times)]
        here.handler.router.close()
        if server is not None:
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=5)
        return replies

    return asyncio.run(run())


def test_the_candidates_answer_is_passed_on_and_counted_good(here, socket):
    candidate = answering(200)
    headers = {"X-Routing-Key": "k", "X-Request-Id": "r1"}
    (reply,) = ask_with(here, socket, candidate, route(socket), headers=headers)
    assert (reply.status, reply.value) == (200, {"from": "candidate"})
    assert (reply.headers["x-model-version"], reply.headers["x-request-id"]) == ("2", "r1")
    head, _, body = candidate.seen[0].partition(b"\r\n\r\n")
    assert json.loads(body) == BODY
    assert b"x-request-id: r1" in head
    assert b"x-routing-key: k" in head
    assert b"x-mlwright-route: candidate" in head
    (outcome,) = here.lines("outcomes")
    assert outcome.pop("time") > 1.7e9
    assert outcome.pop("latency_ms") > 0
    assert outcome == {
        "release": 7,
        "key": "k",
        "candidate": True,
        "ok": True,
        "weight": 1.0,
        "request_id": "r1",
    }
    assert here.lines() == []


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        (answering(500), "candidate_status"),
        (answering(503), "candidate_status"),
        (hanging, "candidate_timeout"),
        (dying, "candidate_unreachable"),
        (babbling, "candidate_unreachable"),
        (None, "candidate_unreachable"),
    ],
)
def test_a_broken_candidate_costs_the_user_nothing(here, socket, candidate, kind):
    (reply,) = ask_with(here, socket, candidate, route(socket, deadline_ms=60))
    assert reply.status == 200
    assert reply.value["predictions"][0]["model_version"] == 1
    assert reply.headers["x-model-version"] == "1"
    (outcome,) = here.lines("outcomes")
    assert (outcome["candidate"], outcome["ok"]) == (True, False)
    (line,) = here.lines()
    assert (line["route"], line["version"]) == ("fallback", 1)
    assert "mlwright_fallbacks_total 1" in here.metrics.snapshot().text()
    assert f'mlwright_errors_total{{kind="{kind}"}} 1' in here.metrics.snapshot().text()


def test_a_request_that_is_the_clients_fault_is_a_good_outcome(here, socket):
    wrong = {"records": [{"tenure": "three"}]}
    (reply,) = ask_with(here, socket, answering(422), route(socket), body=wrong)
    assert (reply.status, reply.headers["x-model-version"]) == (422, "2")
    assert here.lines("outcomes")[0]["ok"] is True
    assert here.lines() == []


def test_a_candidate_that_refuses_what_the_champion_takes_has_failed(here, socket):
    (reply,) = ask_with(here, socket, answering(422), route(socket))
    assert (reply.status, reply.headers["x-model-version"]) == (200, "1")
    assert here.lines("outcomes")[0]["ok"] is False
    assert here.lines()[0]["route"] == "fallback"
    assert 'mlwright_errors_total{kind="candidate_refused"} 1' in here.metrics.snapshot().text()


def test_the_champions_arm_is_recorded_too(here, socket):
    ask_with(here, socket, None, route(socket, weight=0.0))
    (outcome,) = here.lines("outcomes")
    assert (outcome["candidate"], outcome["ok"], outcome["weight"]) == (False, True, 0.0)
    assert here.lines()[0]["route"] == "champion"


def test_the_champions_failure_is_a_bad_outcome(here, socket, monkeypatch):
    monkeypatch.setattr(here.handler.application._model, "predict_values", lambda rows: 1 / 0)
    (reply,) = ask_with(here, socket, None, route(socket, weight=0.0))
    assert reply.status == 500
    assert here.lines("outcomes")[0]["ok"] is False


def test_after_a_switch_all_is_forwarded_as_the_champions_and_no_outcome_kept(here, socket):
    candidate = answering(200)
    ask_with(here, socket, candidate, route(socket, release=None))
    assert b"x-mlwright-route: champion" in candidate.seen[0]
    assert here.lines("outcomes") == []


def test_without_a_release_nothing_is_kept(here):
    here.one(body=BODY)
    assert here.lines("outcomes") == []


def test_the_private_door_is_never_routed(here, socket):
    async def run():
        here.handler.router.set(route(socket))
        return await here.ask(body=BODY, private=True)

    assert asyncio.run(run()).value["predictions"][0]["model_version"] == 1
    assert here.lines("outcomes") == []


def takes(weight: float, keys: list[str | None], salt: str = "a") -> list[bool]:
    async def run():
        router = Router()
        router.set(Routes(1, salt, Candidate(2, "/nowhere", weight)))
        return [router.takes(key) for key in keys]

    return asyncio.run(run())


def test_the_share_is_the_weight_and_a_key_sticks():
    keys = [f"customer-{place}" for place in range(20_000)]
    chosen = takes(0.1, keys)
    assert abs(sum(chosen) / len(keys) - 0.1) < 0.0085  # four standard errors
    assert takes(0.1, keys) == chosen


def test_a_growing_weight_keeps_the_keys_it_had():
    keys = [f"customer-{place}" for place in range(2_000)]
    small, large = takes(0.1, keys), takes(0.5, keys)
    assert all(after for before, after in zip(small, large, strict=True) if before)


def test_another_salt_draws_other_keys():
    keys = [f"customer-{place}" for place in range(5_000)]
    first, second = takes(0.5, keys), takes(0.5, keys, "b")
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(both / len(keys) - 0.25) < 0.03


def test_without_a_key_each_request_is_drawn_anew():
    chosen = takes(0.3, [None] * 20_000)
    assert abs(sum(chosen) / 20_000 - 0.3) < 0.02


def test_the_ends_of_the_scale():
    keys = [f"{place}" for place in range(500)]
    assert not any(takes(0.0, keys))
    assert all(takes(1.0, keys))


def test_positions_never_change():
    assert position("a", "b") == 0.05594956537958518
    assert 0 <= position("", "") < 1
