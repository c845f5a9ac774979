from __future__ import annotations

import asyncio
import contextlib

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve.client import Client

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Name: v\r\n\r\n"


class Server:
    """Answers each request with the next of its replies; `None` closes the connection."""

    def __init__(self, *replies: bytes | None, close_after: bool = False) -> None:
        self.replies = list(replies)
        self.close_after = close_after
        self.connections = 0
        self.seen: list[bytes] = []

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        while True:
            head = await reader.read(65536)
            if not head:
                break
            self.seen.append(head)
            reply = self.replies.pop(0)
            if reply is None:
                break
            writer.write(reply)
            await writer.drain()
            if self.close_after:
                break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def run(server: Server, requests: int = 1, **options):
    async def go():
        async with server, Client(server.url) as client:
            found = []
            for _ in range(requests):
                found.append(await client.request("POST", "/x", b"ab", **options))
                await asyncio.sleep(0.01)  # the server's closing reaches us
            return found

    return asyncio.run(go())


def test_a_request_and_its_answer():
    server = Server(OK + b"hi")
    (response,) = run(server, headers={"X-Id": "1"})
    assert (response.status, response.body, response.headers["x-name"]) == (200, b"hi", "v")
    assert server.seen[0].startswith(b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"X-Id: 1\r\n" in server.seen[0]
    assert server.seen[0].endswith(b"content-type: application/json\r\n\r\nab")


def test_connections_are_kept():
    server = Server(*[OK + b"hi"] * 3)
    run(server, 3)
    assert server.connections == 1


def test_connection_close_is_obeyed():
    closing = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    server = Server(closing, closing)
    run(server, 2)
    assert server.connections == 2


def test_a_connection_closed_while_idle_is_replaced():
    server = Server(*[OK + b"hi"] * 3, close_after=True)
    assert [response.status for response in run(server, 3)] == [200] * 3
    assert server.connections == 3


def test_a_kept_connection_that_breaks_under_the_request_is_replaced_once():
    server = Server(OK + b"hi", None, OK + b"hi")
    assert [response.status for response in run(server, 2)] == [200, 200]


def test_a_new_connection_that_breaks_is_an_error():
    with pytest.raises(RemoteError, match="the connection was closed before the answer"):
        run(Server(None))


def test_half_an_answer_is_an_error():
    with pytest.raises(RemoteError, match="cannot be reached"):
        run(Server(OK + b"h", close_after=True))


def test_what_is_no_http_is_an_error():
    with pytest.raises(RemoteError, match="cannot be reached"):
        run(Server(b"hello\r\n\r\n"))


def test_chunked_answers_are_joined():
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    assert run(Server(chunked))[0].body == b"hi!"


def test_the_time_is_limited():
    with pytest.raises(RemoteError, match=r"did not answer within 0\.05 s"):
        run(Server(b"HTTP/1.1 200 OK\r\n"), timeout=0.05)


@pytest.mark.parametrize("target", ["/nowhere/at.sock", "http://127.0.0.1:1"])
def test_nobody_there(target):
    with pytest.raises(RemoteError, match=f"{target} cannot be reached"):
        asyncio.run(Client(target).request("GET", "/"))


def test_many_at_once_have_connections_of_their_own():
    server = Server(*[OK + b"hi"] * 8)

    async def go():
        async with server, Client(server.url) as client:
            await asyncio.gather(*(client.request("GET", "/") for _ in range(8)))

    asyncio.run(go())
    assert server.connections == 8
