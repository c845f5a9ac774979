from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from email.utils import parsedate_to_datetime

import pytest
import uvloop

from mlwright.serve import http, reading
from mlwright.serve import listener as listening
from mlwright.serve.answers import Answer, Part, Refused
from mlwright.serve.listener import Listener
from mlwright.serve.reading import HEAD_BYTES

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Echo:
    """Answers at once with the body; `/later` when told, `/stream` in parts, `/big` much."""

    limit = 1000

    def __init__(self):
        self.later = []
        self.noted = []
        self.seen = []
        self.last = False
        self.refusal = None

    def refuse(self, request):
        return self.refusal

    def take(self, request):
        self.seen.append(f"{request.method} {request.path} {request.query}".strip())
        if request.path == "/later":
            self.later.append(request)
        elif request.path == "/stream":
            request.answer(Answer(200, b"", stream=parts()))
        elif request.path == "/big":
            request.answer(Answer(200, b"x" * 4_000_000))
        else:
            request.answer(Answer(200, request.body or b"hi"))

    def closing(self):
        return self.last

    def note(self, answer):
        self.noted.append(answer.status)


async def parts():
    for text in (b"one", b"", b"two"):
        await asyncio.sleep(0)
        yield Part(text)


@pytest.fixture
def site():
    return Echo()


@pytest.fixture
def sock():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def talk(sock, site, monkeypatch):
    """Send parts, then read until the server closes, or so many bytes are there."""
    monkeypatch.setattr(listening, "SWEEP", 0.02)

    def exchange(*sent: bytes, until: bytes = b"", eof: bool = False, during=None) -> bytes:
        async def run():
            listener = Listener(site, sock)
            await listener.start()
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            for part in sent:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.005)
            if eof:
                writer.write_eof()
            if during is not None:
                await during(reader, writer, listener)
            async with asyncio.timeout(5):
                found = await (reader.readuntil(until) if until else reader.read())
            writer.close()
            await listener.drain(idle=0.05, grace=1)
            return found

        return uvloop.run(run())

    return exchange


def statuses(data: bytes) -> list[int]:
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


def test_an_answer_has_a_date_a_length_and_a_type(talk):
    found = talk(GET, until=b"hi")
    head = dict(line.split(b": ", 1) for line in found.split(b"\r\n")[1:4])
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert parsedate_to_datetime(head[b"date"].decode()).year >= 2026
    assert (head[b"content-length"], head[b"content-type"]) == (b"2", b"application/json")


def test_requests_that_are_sent_ahead_are_answered_in_order(talk, site):
    async def during(reader, writer, listener):
        while not site.later:
            await asyncio.sleep(0.005)
        assert site.seen == ["GET /later"]  # the others wait for it
        site.later[0].answer(Answer(200, b"first"))

    ahead = b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n" + b"".join(
        b"POST /%d?q=%d HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%d" % (i, i, i)
        for i in range(9)
    )
    found = talk(ahead, until=b"\r\n\r\n8", during=during)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in found.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"first"] + [b"%d" % i for i in range(9)]
    assert site.seen[1] == "POST /0 q=0"


def test_thousands_of_requests_in_one_packet_need_no_stack(talk, site):
    assert len(statuses(talk(GET * 5000, eof=True))) == 5000


def test_head_has_the_length_and_no_body(talk):
    found = talk(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b"content-length: 2\r\n" in found
    assert found.endswith(b"\r\n\r\n")


def test_a_body_in_chunks_is_joined(talk):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    found = talk(head + b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n", until=b"abcde")
    assert b"content-length: 5\r\n" in found


def test_a_client_that_asks_is_told_to_go_on(talk):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
    found = talk(head, b"body", until=b"\r\n\r\nbody")
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_client_that_asks_may_be_refused_before_it_sends(talk, site):
    site.refusal = Refused(401, "key", "no").answer()
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
    assert statuses(talk(head)) == [401]
    assert (site.noted, site.seen) == ([401], [])


def test_other_expectations_are_417(talk):
    assert statuses(talk(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n")) == [417]


@pytest.mark.parametrize(
    "rest", [b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nend", b""]
)
def test_an_offer_to_upgrade_is_passed_over_and_the_body_read(talk, rest):
    head = (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nConnection: Upgrade, HTTP2-Settings"
        b"\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAA\r\n\r\nbody"
    )
    found = talk(head + rest, until=b"end" if rest else b"body")
    assert statuses(found) == [200, 200] if rest else [200]
    assert b"\r\n\r\nbody" in found


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n{", 413),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{", 400),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
            b"content-length: 2\r\n\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n"
            + b"x" * 1001
            + b"\r\n0\r\n\r\n",
            413,
        ),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * HEAD_BYTES + b"\r\n\r\n", 431),
    ],
)
def test_what_is_refused_while_it_is_read_is_answered_and_closed(talk, site, raw, status):
    found = talk(raw)
    assert statuses(found) == [status]
    assert b"connection: close" in found
    assert b'{"error":{"reason":' in found
    assert (site.noted, site.seen) == ([status], [])


def test_a_head_without_an_end_is_cut_off(talk):
    parts = [b"GET / HTTP/1.1\r\nx: ", *[b"a" * 50_000] * 2]
    assert statuses(talk(*parts)) == [431]


def test_a_refusal_waits_for_the_answers_before_it(talk, site):
    async def during(reader, writer, listener):
        while not site.later:
            await asyncio.sleep(0.005)
        site.later[0].answer(Answer(200, b"first"))

    found = talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n", during=during)
    assert statuses(found) == [200, 400]


@pytest.mark.parametrize(
    ("seconds", "raw", "reason"),
    [
        ("HEAD_SECONDS", b"GET / HTTP", b"the head took over 0.03 s to come"),
        (
            "BODY_SECONDS",
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
            b"the body took over 0.03 s to come",
        ),
    ],
)
def test_a_slow_client_is_408(talk, monkeypatch, seconds, raw, reason):
    monkeypatch.setattr(reading, seconds, 0.03)
    found = talk(raw)
    assert statuses(found) == [408]
    assert reason in found


def test_a_connection_that_lies_idle_is_closed(talk, monkeypatch):
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    assert statuses(talk(GET)) == [200]


def test_a_request_that_takes_long_is_not_idle(talk, site, monkeypatch):
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)

    async def during(reader, writer, listener):
        await asyncio.sleep(0.2)
        site.later[0].answer(Answer(200, b"done"))

    assert talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n", during=during).endswith(b"done")


def test_a_client_that_closed_its_side_still_gets_its_answers(talk, site):
    async def during(reader, writer, listener):
        while not site.later:
            await asyncio.sleep(0.005)
        site.later[0].answer(Answer(200, b"late"))

    found = talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n" + GET, eof=True, during=during)
    assert statuses(found) == [200, 200]


def test_a_client_that_does_not_read_is_left(talk, site, monkeypatch):
    monkeypatch.setattr(http, "WRITE_SECONDS", 0.05)

    async def during(reader, writer, listener):
        while listener.connections:
            await asyncio.sleep(0.01)

    with contextlib.suppress(ConnectionError):
        talk(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 20, during=during)
    assert len(site.seen) < 20  # no more is begun while nothing is read


def test_a_slow_reader_gets_everything(talk):
    async def during(reader, writer, listener):
        await asyncio.sleep(0.1)

    found = talk(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 5, eof=True, during=during)
    assert len(found) > 20_000_000


def test_an_answer_in_parts(talk):
    found = talk(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n" + GET, until=b"\r\n\r\nhi")
    assert b"transfer-encoding: chunked\r\n" in found
    assert b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n" in found


def test_an_answer_in_parts_to_an_old_client_ends_with_the_connection(talk):
    found = talk(b"GET /stream HTTP/1.0\r\n\r\n")
    assert found.endswith(b"\r\n\r\nonetwo")
    assert b"transfer-encoding" not in found


def test_an_answer_in_parts_to_an_old_client_promises_no_further_one(talk):
    found = talk(b"GET /stream HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert b"connection: close\r\n" in found


def test_old_clients_may_keep_a_connection(talk):
    found = talk(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + GET, until=b"hi")
    assert b"connection: keep-alive\r\n" in found


def test_old_clients_are_left_after_an_answer_where_they_do_not_ask(talk):
    assert b"connection: close\r\n" in talk(b"GET / HTTP/1.0\r\n\r\n")


def test_whoever_has_gone_is_told_to_who_answers(talk, site):
    lost = []

    async def during(reader, writer, listener):
        while not site.later:
            await asyncio.sleep(0.005)
        site.later[0].lost = lambda: lost.append(True)
        linger = struct.pack("ii", 1, 0)  # a reset: an end alone may be a side that is closed
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        while listener.connections:
            await asyncio.sleep(0.005)
        site.later[0].answer(Answer(200, b"nobody"))

    with contextlib.suppress(ConnectionError):
        talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n", during=during)
    assert lost == [True]


def test_one_connection_too_many_is_told_so(sock, site):
    async def run():
        listener = Listener(site, sock, most=1)
        await listener.start()
        first = await asyncio.open_connection(*sock.getsockname())
        first[1].write(GET)
        await first[0].readuntil(b"hi")
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        found = await reader.read()
        writer.close()
        first[1].close()
        await listener.drain(idle=0.5, grace=1)
        return found

    found = uvloop.run(run())
    assert statuses(found) == [503]
    assert b"retry-after: 1\r\n" in found


def test_draining_closes_what_lies_idle_and_lets_what_runs_end(sock, site):
    async def run():
        listener = Listener(site, sock)
        await listener.start()
        idle = await asyncio.open_connection(*sock.getsockname())
        busy = await asyncio.open_connection(*sock.getsockname())
        idle[1].write(GET)
        await idle[0].readuntil(b"hi")
        busy[1].write(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n")
        while not site.later:
            await asyncio.sleep(0.005)
        site.last = True
        drained = asyncio.create_task(listener.drain(idle=0.05, grace=5))
        assert await idle[0].read() == b""
        site.later[0].answer(Answer(200, b"end"))
        found = await busy[0].read()
        await drained
        for _, writer in (idle, busy):
            writer.close()
        return found, listener.accepting, listener.connections

    found, accepting, left = uvloop.run(run())
    assert b"connection: close\r\n" in found
    assert found.endswith(b"end")
    assert (accepting, left) == (False, 0)


def test_a_listener_stops_and_starts_again_and_open_connections_live_on(sock, site):
    async def ask(reader, writer):
        writer.write(GET)
        return await reader.readuntil(b"hi")

    async def run():
        listener = Listener(site, sock)
        assert not listener.accepting
        await listener.start()
        await listener.start()
        old = await asyncio.open_connection(*sock.getsockname())
        await ask(*old)
        listener.stop()
        await ask(*old)
        new = await asyncio.open_connection(*sock.getsockname())  # waits in the socket's queue
        waiting = asyncio.create_task(ask(*new))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await listener.start()
        assert (await waiting).endswith(b"hi")
        for _, writer in (old, new):
            writer.close()
        await listener.drain(idle=1, grace=1)

    uvloop.run(run())


def test_over_tls(sock, site, certificate):
    path, key = certificate
    client = ssl.create_default_context(cafile=path)

    async def run():
        listener = Listener(site, sock, secured=http.secured(path, key))
        await listener.start()
        address = {"host": "127.0.0.1", "port": sock.getsockname()[1]}
        reader, writer = await asyncio.open_connection(**address, ssl=client)
        writer.write(GET + b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
        found = await reader.read()
        writer.close()
        await listener.drain(idle=0.05, grace=1)
        return found

    assert statuses(uvloop.run(run())) == [200, 200, 400]


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_trailer_is_no_header(talk, site):
    asked = []
    take = site.take
    site.take = lambda request: (asked.append(request.headers), take(request))
    found = talk(CHUNKED + b"4\r\nbody\r\n0\r\nx-api-key: secret\r\n\r\n", until=b"body")
    assert statuses(found) == [200]
    assert b"x-api-key" not in asked[0]


@pytest.mark.parametrize(
    "around", [b"1;" + b"e" * 900 + b"\r\nx\r\n", b"0\r\n" + b"t: " + b"v" * 900]
)
def test_chunks_and_trailers_have_a_limit_of_their_own(talk, monkeypatch, around):
    monkeypatch.setattr(reading, "FRAMING", 500)
    found = talk(CHUNKED, around, b"" if around.startswith(b"1") else b"v" * 900)
    assert statuses(found) == [400]
    assert b"there is more around the body than in it" in found


def test_many_offers_to_upgrade_at_once_are_all_passed_over(talk, site):
    offer = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    last = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nend"
    found = talk(offer * 400 + last, until=b"\r\n\r\nend")
    assert statuses(found) == [200] * 401


def test_large_bodies_together_have_a_limit_too(sock, site, monkeypatch):
    monkeypatch.setattr(reading, "SMALL", 100)
    monkeypatch.setattr(listening, "_HELD", 1200)
    monkeypatch.setattr(site, "limit", 300)
    half = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 300\r\n\r\n" + b"x" * 299

    async def run():
        listener = Listener(site, sock)
        await listener.start()
        address = sock.getsockname()
        open_ones = [await asyncio.open_connection(*address) for _ in range(5)]
        for _, writer in open_ones:
            writer.write(half)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            refused = await open_ones[-1][0].read()
            for reader, writer in open_ones[:-1]:
                writer.write(b"x")
                assert statuses(await reader.readuntil(b"x" * 300)) == [200]
        for _, writer in open_ones:
            writer.close()
        await listener.drain(idle=0.05, grace=1)
        return refused, listener._room.left

    refused, left = uvloop.run(run())
    assert statuses(refused) == [503]
    assert b"retry-after: 1" in refused
    assert left == 1200  # all is given back


def test_a_client_that_reads_nothing_of_a_small_rest_is_left_too(talk, site, monkeypatch):
    monkeypatch.setattr(http, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(http.Connection, "pause_writing", lambda self: None)  # as if it were little

    async def during(reader, writer, listener):
        while listener.connections:
            await asyncio.sleep(0.01)

    with contextlib.suppress(ConnectionError):
        talk(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 10, during=during)


def test_a_slow_half_request_does_not_cut_the_answer_before_it(talk, site, monkeypatch):
    monkeypatch.setattr(reading, "HEAD_SECONDS", 0.03)

    async def during(reader, writer, listener):
        await asyncio.sleep(0.2)  # several sweeps after the half head is overdue
        site.later[0].answer(Answer(200, b"first"))

    found = talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HT", during=during)
    assert statuses(found) == [200, 408]


def test_a_stream_ends_when_its_client_has_gone(talk, site):
    ended = []

    async def endless():
        try:
            yield Part(b"one")
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def during(reader, writer, listener):
        while not site.later:
            await asyncio.sleep(0.005)
        site.later[0].answer(Answer(200, b"", stream=endless()))
        await reader.readuntil(b"one")
        linger = struct.pack("ii", 1, 0)  # a reset: an end alone may be a side that is closed
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        while not ended:
            await asyncio.sleep(0.005)

    with contextlib.suppress(ConnectionError):
        talk(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n", during=during)
    assert ended == [True]
