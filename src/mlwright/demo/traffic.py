"""Real HTTP traffic to an environment, counted, bounded, and stopped when asked."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from mlwright.core.errors import RemoteError
from mlwright.serve.client import Client

Row = dict[str, Any]

_CONNECTIONS = 16
_MOST_REQUESTS = 500_000


@dataclass(slots=True)
class Sent:
    """What came of the requests: the answered ones by request id, with who answered."""

    versions: dict[str, int] = field(default_factory=dict)
    failed: int = 0

    @property
    def answered(self) -> int:
        """Return how many requests were answered with 200."""
        return len(self.versions)


@dataclass(frozen=True, slots=True)
class Request:
    """One customer's row, under the id that the label is told for later."""

    id: str
    key: str | None
    row: Row


def requests(rows: Sequence[Row], keys: Sequence[object]) -> list[Request]:
    """Make a request of each row, sticky by its key."""
    return [Request(uuid.uuid4().hex, str(key), row) for row, key in zip(rows, keys, strict=True)]


def send(url: str, wanted: Sequence[Request]) -> Sent:
    """Send every request once, and wait for every answer."""
    sent = Sent()
    asyncio.run(_send_all(url, iter(wanted), sent, threading.Event()))
    return sent


class LiveTraffic:
    """Sends rows again and again from a thread, each request under an id of its own.

    The requests carry no routing key, so that each is assigned to a version by chance.
    """

    def __init__(self, url: str, rows: Sequence[Row]) -> None:
        self.sent = Sent()
        self._stop = threading.Event()
        bounded = itertools.islice(itertools.cycle(rows), _MOST_REQUESTS)
        source = (Request(uuid.uuid4().hex, None, row) for row in bounded)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(_send_all(url, source, self.sent, self._stop)), daemon=True
        )

    def __enter__(self) -> LiveTraffic:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


async def _send_all(url: str, source: Iterator[Request], sent: Sent, stop: threading.Event) -> None:
    async with Client(url) as client:
        senders = (_send_some(client, source, sent, stop) for _ in range(_CONNECTIONS))
        await asyncio.gather(*senders)


async def _send_some(
    client: Client, source: Iterator[Request], sent: Sent, stop: threading.Event
) -> None:
    for request in source:
        if stop.is_set():
            return
        await _send_one(client, request, sent)


async def _send_one(client: Client, request: Request, sent: Sent) -> None:
    headers = {"x-request-id": request.id}
    if request.key is not None:
        headers["x-routing-key"] = request.key
    body = json.dumps({"records": [request.row]}).encode()
    try:
        answer = await client.request("POST", "/predict", body, headers)
    except RemoteError:
        sent.failed += 1
        return
    if answer.status == 200:
        sent.versions[request.id] = int(answer.headers["x-model-version"])
    else:
        sent.failed += 1
