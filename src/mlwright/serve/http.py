"""All that this project knows of uvicorn: its HTTP protocol, without its server.

uvicorn's `Server` can neither start nor stop accepting while it runs, so its protocol class is
used as the factory of listeners of our own (as `uvicorn.Server.startup` builds it).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from mlwright.core import clock

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEEP_ALIVE = 75
BACKLOG = 2048
HEAD = 256 * 1024  # bytes; one reading from a connection may bring as much
_OFFER = (b"connection", b"upgrade", b"http2-settings")


class Listener:
    """Serves an ASGI application on a socket that is already bound; it may stop and start again.

    The socket stays open, so that what others accept on it, or what waits in its queue, is safe.
    """

    def __init__(self, app: App, sock: socket.socket) -> None:
        self._sock = sock
        self._server: asyncio.Server | None = None
        self._state = ServerState()
        self._config = Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # a stranger's bad request is no line in our log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()
        self._clock: asyncio.TimerHandle | None = None

    @property
    def accepting(self) -> bool:
        """Say whether new connections are taken."""
        return self._server is not None

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Take new connections; nothing happens when it already does."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._tick()
            unix = self._sock.family == socket.AF_UNIX
            create = loop.create_unix_server if unix else loop.create_server
            # A copy: closing a server closes the socket it was given.
            self._server = await create(self._protocol, sock=self._sock.dup(), backlog=BACKLOG)

    def stop(self) -> None:
        """Take no new connections; the open ones live on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def drain(self, *, idle: float, grace: float) -> None:
        """Stop for good: close the socket, let open connections end, and close them.

        Another process may listen on the same port with a socket of its own, and the kernel then
        goes on queueing connections on ours for as long as it is open.

        A connection that lies idle has `idle` seconds to bring another request, one whose request
        runs has `grace` seconds to end.
        """
        self.stop()
        self._sock.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(idle):
                while self._state.connections:
                    await asyncio.sleep(0.02)
        for connection in list(self._state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._state.connections or self._state.tasks:
                    await asyncio.sleep(0.02)
        if self._clock is not None:
            self._clock.cancel()

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(config=self._config, server_state=self._state, app_state={})

    def _tick(self) -> None:
        """Write the date that answers carry; HTTP wants it right to the second."""
        if self._clock is not None:
            self._clock.cancel()
        date = formatdate(clock.now(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]
        self._clock = asyncio.get_running_loop().call_later(1.0, self._tick)


class _Protocol(HttpToolsProtocol):
    """uvicorn's, but that the head of a request has an end, and that nobody is upgraded.

    httptools takes a head of any length. And it drops the body of a request that offers to go on
    in another protocol, as Java's client does with every first one (`Upgrade: h2c`).
    """

    _head: int | None = None  # bytes of a head that has not ended yet

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._decline(data[exc.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        else:
            self._measure(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0

    def on_headers_complete(self) -> None:
        self._head = None
        if not self._upgrading():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._upgrading():
            super().on_message_complete()

    def _upgrading(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _decline(self, rest: bytes) -> None:
        """Read the request again without the offer, which HTTP lets a server pass over."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % pair for pair in self.headers if pair[0] not in _OFFER]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _measure(self, length: int) -> None:
        if self._head is not None:
            self._head += length
            if self._head > HEAD:
                self.send_400_response("The head of the request is too long.")
