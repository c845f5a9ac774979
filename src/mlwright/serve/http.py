"""HTTP/1.1 as an asyncio protocol: whole requests in, answers out, in order, within limits.

A connection has one request under way. What a client sends ahead waits, and while anything waits
the socket is not read. Whoever is slow, long or wrong is told so and left.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from . import reading
from .answers import Answer
from .reading import BODY, DEAF, HEAD, Reading, Room, Site
from .wire import LAST_CHUNK, Request, chunk, encoded

IDLE_SECONDS = 75.0
WRITE_SECONDS = 30.0
LINGER_SECONDS = 2.0

_NEVER = float("inf")


class Connection(Reading):
    """One connection from its first byte to its last; `every` is where the open ones are known."""

    def __init__(
        self, site: Site, every: set[Connection], loop: asyncio.AbstractEventLoop, room: Room
    ) -> None:
        super().__init__(site, loop, room)
        self._every = every
        self._pumping = self._paused = self._full = self._gone = False
        self._drained: asyncio.Future[None] | None = None
        self._stream: asyncio.Task[None] | None = None
        self._unread = 0

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        self._every.add(self)
        self.deadline = self._loop.time() + IDLE_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was under way."""
        self._every.discard(self)
        self._phase = DEAF
        self._waiting.clear()
        if self._current is not None and self._current.lost is not None:
            self._current.lost()
        self._current = None
        self._hold()
        self._wake()
        if self._stream is not None:
            self._stream.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on, and hand over what is whole."""
        if self._phase == DEAF:
            return
        before = self._phase
        self._feed(data)
        if self._waiting:
            self._pump()
        if self._phase in (HEAD, BODY):
            self._unfinished(before, len(data))

    def eof_received(self) -> bool:
        """Answer what was asked before the client closed its side, then close."""
        self._gone = True
        secured = self._transport.get_extra_info("sslcontext") is not None
        return not secured and (self._current is not None or bool(self._waiting))

    def pause_writing(self) -> None:
        """Begin nothing more while the client does not read."""
        self._full = True
        self._unread = self._transport.get_write_buffer_size()
        self.deadline = self._rest()

    def resume_writing(self) -> None:
        """Go on, since the client reads again."""
        self._full = False
        self.deadline = self._rest()
        self._wake()
        self._pump()

    # Requests out, answers in.

    def send(self, request: Request, answer: Answer) -> None:
        """Write the answer of the request that is under way."""
        if request is not self._current:
            return  # the client has gone
        last = self._gone and not self._waiting
        keep = request.keep and not last and not self._site.closing()
        if answer.stream is not None and request.version != "1.1":
            keep = False  # where there are no chunks, the end of the connection is its end
        transport = self._transport
        transport.write(encoded(request, answer, keep=keep))
        if answer.stream is not None and request.method != "HEAD":
            self._stream = self._loop.create_task(self._send_parts(request, answer, keep))
        else:
            self._sent(keep)

    def shutdown(self) -> None:
        """Close it now if nothing is under way, else after the answer."""
        self._gone = True
        if self._current is None and not self._waiting:
            self._close()

    def abort(self) -> None:
        """Close it whatever is under way."""
        self._transport.abort()

    def overdue(self, now: float) -> None:
        """Leave a client that lets us wait for too long."""
        if now < self.deadline:
            return
        if self._phase == HEAD:
            self._reject(408, "slow", f"the head took over {reading.HEAD_SECONDS:g} s to come")
        elif self._phase == BODY:
            self._reject(408, "slow", f"the body took over {reading.BODY_SECONDS:g} s to come")
        elif self._full and self._read_on():
            self.deadline = self._rest()
        elif self._full or self._transport.is_closing():
            self._transport.abort()
        else:
            self._close()

    def turn_away(self, answer: Answer) -> None:
        """Answer without having been asked, and close: there is no room."""
        self._end(answer)

    def _pump(self) -> None:
        """Hand over what waits, one after the other; `take` may answer before it returns."""
        if self._pumping:
            return
        self._pumping = True
        while self._waiting and self._current is None and not self._full:
            self._current = request = self._waiting.popleft()
            self.deadline = _NEVER
            if request.ready is None:
                self._site.take(request)
            else:
                self._end(request.ready)
        self._pumping = False
        if self._paused != bool(self._waiting) and not self._transport.is_closing():
            self._paused = not self._paused
            (self._transport.pause_reading if self._paused else self._transport.resume_reading)()

    def _sent(self, keep: bool) -> None:
        self._current = None
        if self._held:
            self._hold()
        if not keep and not (self._waiting and self._waiting[0].ready):
            self._phase = DEAF
            self._waiting.clear()
            self._close()
            return
        self.deadline = self._rest()
        if self._waiting or self._paused:
            self._pump()

    async def _send_parts(self, request: Request, answer: Answer, keep: bool) -> None:
        chunked = request.version == "1.1"
        try:
            assert answer.stream is not None  # noqa: S101
            async for part in answer.stream:
                if part.data:
                    self._transport.write(chunk(part.data) if chunked else part.data)
                if self._full:
                    self._drained = self._loop.create_future()
                    await self._drained
                if self._transport.is_closing():
                    return
            if chunked:
                self._transport.write(LAST_CHUNK)
        except Exception:  # who makes the stream has complained; a cut answer must not look whole
            self._transport.abort()
            return
        self._stream = None
        self._sent(keep)

    def _end(self, answer: Answer) -> None:
        """Write a last answer, and let the client read it: an early close would drop it."""
        self._phase = DEAF
        self._transport.write(encoded(self._nobody(), answer, keep=False))
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self.deadline = self._loop.time() + LINGER_SECONDS
        else:
            self._close()

    def _close(self) -> None:
        """Close it when the client has read what was written, for which it has some seconds."""
        self._transport.close()
        self.deadline = self._loop.time() + WRITE_SECONDS

    def _read_on(self) -> bool:
        """Say whether the client has read anything since this was asked last."""
        before, self._unread = self._unread, self._transport.get_write_buffer_size()
        return self._unread < before

    def _rest(self) -> float:
        if self._full:
            return self._loop.time() + WRITE_SECONDS
        if self._current is not None:
            return _NEVER
        partly = self._phase in (HEAD, BODY)
        return self._loop.time() + (reading.BODY_SECONDS if partly else IDLE_SECONDS)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)


def secured(certificate: str, key: str) -> ssl.SSLContext:
    """Return the TLS context of a server's certificate chain and private key, PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
