from __future__ import annotations

import asyncio
import socket
from email.utils import parsedate_to_datetime

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve.client import Client
from mlwright.serve.http import Listener


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
