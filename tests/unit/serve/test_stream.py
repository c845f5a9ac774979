"""What a consumer does with messages, beside a stream that is a list."""

from __future__ import annotations

import asyncio
import json

import pytest

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.serve import stream as module
from mlwright.serve.answers import Refused
from mlwright.serve.application import Door
from mlwright.serve.following import follow
from mlwright.serve.redis_stream import Following, Message, Place, Stopped
from mlwright.serve.sides import Side
from mlwright.serve.spec import WorkerSpec
from mlwright.serve.stream import DOOR, Follower, of_one

from .conftest import ROW


class Listed:
    """A stream without Redis; when all is read, it stops who reads."""

    def __init__(self, stop, *rows, left=()):
        self.stop = stop
        self.new = [
            Message(b"%d-0" % i, fields if isinstance(fields, dict) else {b"row": fields})
            for i, fields in enumerate(rows)
        ]
        self.left = left
        self.written, self.held, self.released = [], [], []

    async def read(self):
        found, self.new = self.new, []
        if not found:
            self.stop.set()
        return found

    async def taken_over(self):
        for each in self.left:
            yield each

    async def write(self, results):
        self.written += results

    async def hold(self, messages):
        self.held += [each.id for each in messages]

    async def release(self, messages):
        self.released += [each.id for each in messages]

    async def behind(self):
        return 0


GOOD = json.dumps(ROW).encode()


@pytest.fixture
def run(make):
    """Follow a stream of rows with a model, or with a route, and return stream and follower."""

    def follow_(*rows, route=None, left=(), idle=60.0, limit=1 << 20, stop_first=False):
        here = make()

        async def go():
            stop = asyncio.Event()
            if stop_first:
                asyncio.get_running_loop().call_later(0.05, stop.set)
            stream = Listed(stop, *rows, left=left)
            door = of_one(here.handler.application.doors()[DOOR])
            side = Side(here.handler, {DOOR: Door(route(door)) if route else door}, limit=limit)
            follower = Follower(side, stream, stop, idle)
            await asyncio.wait_for(follower.run(), 20)
            return stream, follower

        return *asyncio.run(go()), here

    return follow_


def errors(stream):
    return [json.loads(each.fields["error"])["error"] for each in stream.written if not each.good]


def test_each_message_has_an_answer_or_a_reason(run):
    stream, follower, here = run(GOOD, b"[1]", GOOD + b"," + GOOD, b"\xff", {b"x": b"1"}, GOOD)
    good = [json.loads(each.fields["answer"]) for each in stream.written if each.good]
    assert [each["request_id"] for each in good] == ["0-0", "5-0"]
    assert {each["model_version"] for each in good} == {1}
    assert (follower.counts.answered, follower.counts.refused) == (2, 4)
    assert [each["reason"] for each in errors(stream)] == [
        "Expected `object`, got `array`",
        "must be one JSON object",
        "the body is not JSON: invalid character (byte 12)",
        "is missing: a JSON object in one field",
    ]
    assert [each["request_id"] for each in here.lines()] == ["0-0", "5-0"]


def test_a_row_that_closes_the_list_is_no_second_one(run):
    for trick in (b'{}],"records":[' + GOOD, GOOD + b'],"x":[{}'):
        stream, follower, here = run(trick)
        assert follower.counts.refused == 1
        assert here.lines() == []
        assert not stream.written[0].good


def test_a_message_that_is_too_large_is_refused(run):
    stream, _, _ = run(GOOD, limit=20)
    assert errors(stream)[0]["reason"] == "is larger than 20 bytes"


def test_what_is_not_the_messages_fault_is_tried_again_and_held(run, monkeypatch, capsys):
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.05)
    tries = []

    def route(door):
        def failing(call):
            tries.append(call.request_id)
            if call.request_id == "1-0" and len(tries) < 4:
                raise Refused(502, "model", "the endpoint failed")
            return door.route(call)

        return failing

    stream, follower, _ = run(GOOD, GOOD, route=route)
    assert tries == ["0-0", "1-0", "1-0", "1-0"]
    assert [each.message for each in stream.written] == [b"0-0", b"1-0"]
    assert set(stream.held) == {b"1-0"}
    assert (follower.counts.answered, stream.released) == (2, [])
    assert "1 messages wait (model); trying again" in capsys.readouterr().err


def test_what_waits_at_the_end_is_given_back(run):
    def route(_door):
        def failing(_call):
            raise Refused(503, "log", "the prediction log cannot be written")

        return failing

    stream, follower, _ = run(GOOD, route=route, stop_first=True)
    assert stream.released == [b"0-0"]
    assert stream.written == []
    assert follower.counts.to_json() == {"answered": 0, "refused": 0, "taken_over": 0}


def test_a_message_of_which_consumers_die_is_refused_at_last(run):
    left = [Message(b"7-0", {b"row": GOOD}, 5), Message(b"8-0", {b"row": GOOD}, 6)]
    stream, follower, here = run(left=left)
    assert [(each.message, each.good) for each in stream.written] == [
        (b"7-0", True),
        (b"8-0", False),
    ]
    assert errors(stream) == [{"reason": "was given out 6 times, and whoever had it died of it"}]
    assert follower.counts.to_json() == {"answered": 1, "refused": 1, "taken_over": 2}
    assert 'result="taken over"} 2' in here.metrics.snapshot().text()


def test_redis_gone_at_the_end_is_no_failure(run, monkeypatch):
    async def refuse(_self, _results):
        raise Stopped

    monkeypatch.setattr(Listed, "write", refuse)
    stream, _, _ = run(GOOD)
    assert stream.released == [b"0-0"]


@pytest.mark.parametrize(
    ("address", "server", "stream", "shown"),
    [
        ("redis://h/rows", "redis://h/0", "rows", "redis://h/rows"),
        ("redis://h:7/3/a%2Fb", "redis://h:7/3", "a/b", "redis://h:7/3/a%2Fb"),
        (
            "rediss://me@[::1]:7/rows:in",
            "rediss://me@[::1]:7/0",
            "rows:in",
            "rediss://[::1]:7/rows:in",
        ),
    ],
)
def test_addresses(address, server, stream, shown):
    assert Place.read(address) == Place(server, stream, shown)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "rows",
        "redis://h",
        "redis://h/",
        "redis:///rows",
        "http://h/rows",
        "redis://h/a/rows",
        "redis://h/1/2/rows",
        "redis://h:x/rows",
        "redis://h/r?x=1",
    ],
)
def test_bad_addresses(address):
    with pytest.raises(ConfigError, match=r"^the address of the stream cannot be read$"):
        Place.read(address)


def test_passwords_stay_off_the_command_line(monkeypatch):
    with pytest.raises(ConfigError) as caught:
        Place.read("redis://:hunter2@h/rows")
    assert "hunter2" not in str(caught.value) + caught.value.hint
    monkeypatch.setenv("ROWS", "redis://:hunter2@h/rows")
    place = Place.read("env:ROWS")
    assert (place.server, place.shown) == ("redis://:hunter2@h/0", "redis://h/rows")


def test_a_stream_is_not_written_to_itself():
    place = Place.read("redis://h/rows")
    spec = WorkerSpec("", "churn", 1, "", "", "", "")
    with pytest.raises(ConfigError, match="a stream cannot be written to itself"):
        follow(spec, Following(place, "g", "rows", "refused"))


def test_a_redis_that_does_not_answer(make, tmp_path, bundles):
    pytest.importorskip("redis", reason="redis is not installed")
    spec = WorkerSpec(str(bundles().path), "churn", 1, "", str(tmp_path), "", "")
    place = Place.read("redis://127.0.0.1:1/rows")
    with pytest.raises(RemoteError) as caught:
        follow(spec, Following(place, "g", "answers", "refused"))
    assert str(caught.value) == "redis://127.0.0.1:1/rows cannot be used: ConnectionError"
    assert (
        caught.value.hint
        == "look whether Redis runs there, 6.2 or newer, and what you may do there"
    )
