"""A small HTTP/1.1 client with kept-alive connections, over TCP or a unix socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec

from mlwright.core.errors import RemoteError


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        return msgspec.json.decode(self.body)


class Client:
    """Sends requests to one server: `http(s)://host:port`, or the path of a unix socket.

    Connections are kept and used again; as many are opened as requests run at once.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._idle: list[_Connection] = []
        self._closed = False
        parts = urlsplit(target)
        self._secure = parts.scheme == "https"
        port = parts.port or (443 if self._secure else 80)
        remote = parts.scheme in ("http", "https")
        self._address = (parts.hostname or "", port) if remote else None
        self._host = parts.netloc if self._address else "localhost"

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,
    ) -> Response:
        """Send one request and wait for its answer, `timeout` seconds at most.

        A connection that the server closed while it lay idle is replaced once.

        Raises:
            RemoteError: nobody answers, the connection breaks, or the time is up.
        """
        data = self._encode(method, path, body, headers or {})
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(data)
        except TimeoutError as exc:
            raise RemoteError(f"{self.target} did not answer within {timeout:g} s") from exc
        except (OSError, httptools.HttpParserError) as exc:
            raise RemoteError(f"{self.target} cannot be reached: {_reason(exc)}") from exc

    async def close(self) -> None:
        """Close the kept connections, and those in use after their answers."""
        self.leave()

    def leave(self) -> None:
        """Close as `close` does, from where nothing can be awaited."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def _exchange(self, data: bytes) -> Response:
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            try:
                return await self._send(connection, data)
            except _Stale:
                break
        return await self._send(await self._connect(), data)

    async def _send(self, connection: _Connection, data: bytes) -> Response:
        try:
            response = await connection.send(data)
        except BaseException:
            connection.close()
            raise
        if connection.reusable and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if self._address:
            context = ssl.create_default_context() if self._secure else None
            _, connection = await loop.create_connection(_Connection, *self._address, ssl=context)
        else:
            _, connection = await loop.create_unix_connection(_Connection, self.target)
        return connection

    def _encode(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"content-length: {len(body)}")
            if not any(name.lower() == "content-type" for name in headers):
                lines.append("content-type: application/json")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class _Stale(ConnectionError):
    """A kept connection was closed before it brought a byte of the answer."""


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self.reusable = False
        self._used = False
        self._waiter: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport | None = None

    def send(self, data: bytes) -> asyncio.Future[Response]:
        self.reusable = False
        self._fresh = True
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._fail(self._broken())
        else:
            self._transport.write(data)
        return self._waiter

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        self._fresh = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self._fail(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._fail(exc if exc is not None and not self._fresh_reuse() else self._broken())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.reusable = self._parser.should_keep_alive()
        self._used = True
        if self._waiter is not None and not self._waiter.done():
            status = self._parser.get_status_code()
            self._waiter.set_result(Response(status, self._headers, b"".join(self._body)))

    def _fresh_reuse(self) -> bool:
        return self._used and self._fresh

    def _broken(self) -> ConnectionError:
        reason = "the connection was closed before the answer was complete"
        return _Stale(reason) if self._fresh_reuse() else ConnectionError(reason)

    def _fail(self, exc: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
