from __future__ import annotations

import asyncio
import socket
from email.utils import parsedate_to_datetime

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve.client import Client
from mlwright.serve.http import HEAD, Listener


async def hello(scope, receive, send):
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
def sock():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def test_a_listener_stops_and_starts_again_and_open_connections_live_on(sock):
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"

    async def run():
        listener = Listener(hello, sock)
        assert not listener.accepting
        await listener.start()
        await listener.start()
        old, new = Client(url), Client(url)
        first = await old.request("GET", "/")
        listener.stop()
        second = await old.request("GET", "/")
        with pytest.raises(RemoteError, match="did not answer"):
            await new.request("GET", "/", timeout=0.1)
        await listener.start()
        third = await new.request("GET", "/")
        await old.close()
        await new.close()
        await listener.drain(idle=1, grace=1)
        assert (listener.accepting, listener.connections) == (False, 0)
        return first, second, third

    answers = asyncio.run(run())
    assert [answer.body for answer in answers] == [b"hi"] * 3
    assert parsedate_to_datetime(answers[0].headers["date"]).year >= 2026
    assert "server" not in answers[0].headers


def test_draining_closes_what_lies_idle(sock):
    async def run():
        listener = Listener(hello, sock)
        await listener.start()
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"hi")
        await listener.drain(idle=0.05, grace=1)
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return rest

    assert asyncio.run(run()) == b""


async def echo(scope, receive, send):
    body = (await receive())["body"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def exchange(sock, *sent: bytes, until: bytes) -> bytes:
    async def run():
        listener = Listener(echo, sock)
        await listener.start()
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        for part in sent:
            writer.write(part)
            await writer.drain()
        found = await asyncio.wait_for(reader.readuntil(until), 5)
        writer.close()
        await listener.drain(idle=0.05, grace=1)
        return found

    return asyncio.run(run())


def test_a_head_without_an_end_is_cut_off(sock):
    # All that is sent is read before the refusal, else the kernel would answer with a reset.
    parts = [b"GET / HTTP/1.1\r\nx: ", b"a" * (HEAD - 100), b"a" * 101]
    found = exchange(sock, *parts, until=b"too long.")
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in found


def test_a_long_body_is_no_long_head(sock):
    body = b"b" * (HEAD + 1)
    head = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert exchange(sock, head + body, until=b"bbb").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("rest", [b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nend", b""])
def test_an_offer_to_upgrade_is_passed_over_and_the_body_read(sock, rest):
    head = (
        b"POST / HTTP/1.1\r\ncontent-length: 4\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAA\r\n\r\nbody"
    )
    found = exchange(sock, head + rest, until=b"end" if rest else b"body")
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nbody" in found
