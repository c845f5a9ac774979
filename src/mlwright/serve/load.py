"""Send requests at a pace, and measure how long each took from the moment it was due.

Arrivals do not wait for answers (an open loop): while a server stalls, requests go on being due,
and each counts its whole wait, also the time in which no connection was free for it. A client that
sends only after an answer would count the stall once (Tene's "coordinated omission").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import uvloop

from mlwright.core.errors import ConfigError
from mlwright.serve.sending import Load, Sender


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go."""

    host: str
    port: int
    secure: bool = False

    @classmethod
    def of(cls, url: str) -> Server:
        """Read `http://host:port` or `https://host`.

        Raises:
            ConfigError: it is no such address.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise ConfigError(f"{url!r} is no address of a server", hint="write http://host:port")
        secure = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if secure else 80), secure)

    @property
    def where(self) -> tuple[str, int, bool]:
        """Return host, port, and whether it is spoken to by TLS."""
        return self.host, self.port, self.secure

    def request(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the bytes of a GET, or of a POST of JSON where there is a body."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
            f"host: {host}:{self.port}",
        ]
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def send_at(
    server: Server,
    requests: Sequence[bytes],
    rate: float,
    *,
    seconds: float,
    connections: int,
    timeout: float = 10.0,
    poisson: bool = True,
    seed: int = 0,
) -> Load:
    """Send requests in turn at a rate, by a Poisson process or evenly spaced.

    It ends when all are answered or given up, at most `timeout` after the last was due.

    Raises:
        RemoteError: nobody listens there.
    """
    count = max(round(rate * seconds), 1)
    if poisson:
        gaps = np.random.default_rng(seed).exponential(1 / rate, count)
        due = np.cumsum(gaps) * (count / rate / gaps.sum())
    else:
        due = np.arange(count) / rate
    sender = Sender(server.where, requests, connections, timeout)
    found: Load = uvloop.run(sender.open(due.tolist()))
    return found


def send_in_turn(
    server: Server,
    requests: Sequence[bytes],
    *,
    seconds: float,
    connections: int,
    timeout: float = 10.0,
) -> Load:
    """Send each request when the answer before it has come, on every connection.

    That finds how much a server answers; for its latency take `send_at`.

    Raises:
        RemoteError: nobody listens there.
    """
    sender = Sender(server.where, requests, connections, timeout)
    found: Load = uvloop.run(sender.closed(seconds))
    return found
