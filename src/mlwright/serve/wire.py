"""A request as it was read from a connection, and answers as the bytes of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from mlwright.core import clock

from .answers import Answer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_LINES = {
    each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode()) for each in HTTPStatus
}
_NO_BODY = (204, 304)


class Request:
    """A whole request: header names in lower case, the path percent-decoded.

    `lost` is called when the client goes before it is answered. A request that was refused while
    it was read has its answer `ready`.
    """

    __slots__ = (
        "_send",
        "body",
        "headers",
        "keep",
        "lost",
        "method",
        "path",
        "query",
        "ready",
        "version",
    )

    def __init__(
        self,
        send: Callable[[Request, Answer], None],
        method: str,
        target: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        version: str,
        keep: bool,
    ) -> None:
        self._send = send
        self.method = method
        self.path, self.query = split_target(target)
        self.headers = headers
        self.body = body
        self.version = version
        self.keep = keep
        self.lost: Callable[[], object] | None = None
        self.ready: Answer | None = None

    def answer(self, answer: Answer) -> None:
        """Send the answer; nothing happens when the client has gone."""
        self._send(self, answer)


def split_target(target: bytes) -> tuple[str, str]:
    """Return the decoded path and the raw query of a request's target.

    >>> split_target(b"/v2/models/a%20b?explain=true")
    ('/v2/models/a b', 'explain=true')
    >>> split_target(b"http://host:80/predict")
    ('/predict', '')
    """
    text = target.decode("latin-1")
    if not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return text, ""
        text = f"{parts.path or '/'}?{parts.query}" if parts.netloc else text
    path, _, query = text.partition("?")
    return (unquote(path) if "%" in path else path), query


def encoded(request: Request, answer: Answer, *, keep: bool) -> bytes:
    """Return the head of an answer and its body, but for what a stream brings later."""
    body = answer.body
    out = [_LINES[answer.status], b"date: ", _date(), b"\r\ncontent-type: ", answer.content_type]
    if answer.stream is None:
        out.append(b"\r\ncontent-length: %d\r\n" % len(body))
    elif request.version == "1.1":
        out.append(b"\r\ntransfer-encoding: chunked\r\n")
        body = chunk(body)
    else:
        out.append(b"\r\n")
    for name, value in answer.headers:
        out += (name, b": ", value, b"\r\n")
    if not keep:
        out.append(b"connection: close\r\n")
    elif request.version != "1.1":
        out.append(b"connection: keep-alive\r\n")
    out.append(b"\r\n")
    if request.method != "HEAD" and answer.status not in _NO_BODY:
        out.append(body)
    return b"".join(out)


def chunk(data: bytes) -> bytes:
    r"""Return one chunk of a chunked body; no data is no chunk, as an empty one would end it.

    >>> chunk(b"hello")
    b'5\r\nhello\r\n'
    """
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


_known = (0, b"")


def _date() -> bytes:
    """Return the date that answers carry; HTTP wants it right to the second."""
    global _known
    now = int(clock.now())
    if _known[0] != now:
        _known = (now, formatdate(now, usegmt=True).encode())
    return _known[1]
