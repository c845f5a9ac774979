"""Reads requests from the bytes of a connection, within limits, and refuses what is none."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import Protocol

import httptools

from .answers import Answer, Refused
from .wire import CONTINUE, Request

HEAD_BYTES = 64 * 1024
TARGET_BYTES = 8 * 1024
HEAD_SECONDS = 20.0
BODY_SECONDS = 20.0
BODY_RATE = 256 * 1024
"""Bytes a second that a body must bring, after its first `BODY_SECONDS`."""

SMALL = 16 * 1024
"""Bytes of a body that are read without asking whether there is room."""

FRAMING = 1024 * 1024
"""Bytes around a body's own, of chunks and trailers, that may be more than the body has."""

IDLE, HEAD, BODY, DEAF = range(4)
"""What a connection is about to read: nothing yet, a head, a body, nothing any more."""

_OFFER = (b"connection", b"upgrade", b"http2-settings")
_BUSY = ((b"retry-after", b"1"),)


class Room:
    """The bytes of bodies that the connections of one listener may hold together.

    A limit a body alone is none: it counts once for every connection.
    """

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most


class Site(Protocol):
    """What answers the requests of a listener."""

    limit: int
    """The bytes that a body may have."""

    def refuse(self, request: Request) -> Answer | None:
        """Look at a head whose body has not come; what is returned is answered instead of it."""
        ...

    def take(self, request: Request) -> None:
        """Take a whole request, and call its `answer` once, now or later."""
        ...

    def closing(self) -> bool:
        """Say whether a connection is to be closed after its next answer."""
        ...

    def note(self, answer: Answer) -> None:
        """Hear of an answer that was given without asking."""
        ...


class Reading(asyncio.Protocol, ABC):
    """The reading half of a connection: what is whole waits in `_waiting` for its turn."""

    _transport: asyncio.Transport

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop, room: Room) -> None:
        self._site = site
        self._small = min(SMALL, site.limit)
        self._room = room
        self._held = 0
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._phase = IDLE
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._head = self._length = self._raw = 0
        self._fresh = False  # the request that is being read began in this very reading
        self.deadline = float("inf")

    @abstractmethod
    def send(self, request: Request, answer: Answer) -> None:
        """Write the answer of the request that is under way."""

    @abstractmethod
    def _end(self, answer: Answer) -> None:
        """Write a last answer and close."""

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as exc:
                data = self._declined(data[exc.args[0] :])
            except httptools.HttpParserError:
                self._reject(400, "http", "this is no HTTP request")
                return

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._phase == DEAF:
            return
        self._phase = HEAD
        self._fresh = True
        self._target = b""
        self._headers = {}
        self._body = b""
        self._head = self._length = self._raw = 0

    def on_url(self, target: bytes) -> None:
        """Take a part of the target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; values of one that is repeated are a list.

        A trailer comes after its request was let in, and tells us nothing: else it would be a way
        around whoever stands before this server and looks at headers.
        """
        if self._phase != HEAD:
            return
        name, headers = name.lower(), self._headers
        self._head += len(name) + len(value) + 4
        headers[name] = headers[name] + b", " + value if name in headers else value

    def on_headers_complete(self) -> None:
        """Refuse what the head alone is enough to refuse."""
        if self._phase == DEAF or self._upgrading():
            return
        self._phase = BODY
        headers = self._headers
        if self._parser.get_method() == b"CONNECT":
            self._reject(405, "method", "this server is no proxy")
        elif len(self._target) > TARGET_BYTES:
            self._reject(414, "target", f"the target is longer than {TARGET_BYTES} bytes")
        elif self._head > HEAD_BYTES:
            self._reject(431, "head", f"the head is longer than {HEAD_BYTES} bytes")
        elif b"host" not in headers and self._parser.get_http_version() == "1.1":
            self._reject(400, "http", "the Host header is missing")
        elif b"," in headers.get(b"host", b""):
            self._reject(400, "http", "there is more than one Host header")
        elif headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            self._reject(501, "transfer", "no Transfer-Encoding but chunked is read")
        elif (
            b"expect" in headers
            or b"transfer-encoding" in headers
            or self._announced() > self._small
        ):
            self._consider()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._phase != BODY:
            return
        if self._body:
            if not isinstance(self._body, bytearray):
                self._body = bytearray(self._body)
            self._body += body
        else:
            self._body = body
        self._length += len(body)
        if self._length > self._site.limit:
            self._too_large()
        elif self._length > SMALL:
            self._hold()
            if self._room.left < 0:
                reason = "too many large requests are being read; try again"
                self._finish_with(Refused(503, "overload", reason, headers=_BUSY).answer())

    def on_message_complete(self) -> None:
        """Let the whole request wait for its turn."""
        if self._phase != BODY:
            return  # deaf, or it offers to go on in another protocol
        self._phase = IDLE
        self._waiting.append(self._request())

    # Limits.

    def _request(self) -> Request:
        return Request(
            self.send,
            self._parser.get_method().decode("ascii"),
            self._target,
            self._headers,
            bytes(self._body),
            self._parser.get_http_version(),
            self._parser.should_keep_alive(),
        )

    def _announced(self) -> int:
        return int(self._headers.get(b"content-length", 0))

    def _consider(self) -> None:
        """Decide on the head alone: the body may be large, or the client asks whether to send."""
        request = self._request()
        answer = self._site.refuse(request)
        if answer is not None:
            self._finish_with(answer)
        elif self._announced() > self._site.limit:
            self._too_large()
        elif self._headers.get(b"expect", b"").lower() == b"100-continue":
            if self._current is None and not self._waiting:
                self._transport.write(CONTINUE)
        elif b"expect" in self._headers:
            self._reject(417, "expect", "nothing but 100-continue can be expected")

    def _hold(self) -> None:
        """Take room for the bodies that are kept now, and give back what is not needed any more."""
        read = self._length if self._phase == BODY else 0
        held = read + (len(self._current.body) if self._current is not None else 0)
        held = held if held > SMALL else 0
        self._room.left += self._held - held
        self._held = held

    def _too_large(self) -> None:
        self._reject(413, "too_large", f"the body is larger than {self._site.limit} bytes")

    def _reject(self, status: int, kind: str, reason: str) -> None:
        self._finish_with(Refused(status, kind, reason).answer())

    def _finish_with(self, answer: Answer) -> None:
        """Answer what is being read with this after all that came before it, and read no more."""
        if self._phase == DEAF:
            return
        self._site.note(answer)
        self._phase = DEAF
        self._body = b""
        self._hold()
        if self._current is None and not self._waiting:
            self._end(answer)
            return
        self.deadline = float("inf")  # the answer before this one may take its time
        last = self._nobody()
        last.ready = answer
        self._waiting.append(last)

    def _nobody(self) -> Request:
        return Request(self.send, "", b"/", {}, b"", "1.1", False)

    def _unfinished(self, before: int, length: int) -> None:
        if self._phase == HEAD:
            if self._fresh:
                self._fresh = False
            else:
                self._raw += length
            if self._raw > HEAD_BYTES:
                self._reject(431, "head", f"the head is longer than {HEAD_BYTES} bytes")
                return
        elif before == BODY:
            self._raw += length
            if self._raw > 2 * self._length + FRAMING:
                self._reject(400, "http", "there is more around the body than in it")
                return
        if before != self._phase:
            seconds = HEAD_SECONDS if self._phase == HEAD else self._body_seconds()
            self.deadline = self._loop.time() + seconds

    def _body_seconds(self) -> float:
        return BODY_SECONDS + (self._announced() or self._site.limit) / BODY_RATE

    # Offers to speak another protocol.

    def _upgrading(self) -> bool:
        return bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT"

    def _declined(self, rest: bytes) -> bytes:
        """Return the request without the offer, which HTTP lets a server pass over, and the rest.

        The parser drops the body of a request that offers to go on in another protocol, as Java's
        client does with every first one (`Upgrade: h2c`).
        """
        if self._phase == DEAF:
            return b""
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version)]
        lines += [b"%b: %b" % pair for pair in self._headers.items() if pair[0] not in _OFFER]
        self._parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([*lines, b"", rest])
