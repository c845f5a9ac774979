"""Who answers a request of a rollout: this worker's version, or the candidate's worker."""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated
from urllib.parse import quote

import msgspec

from mlwright.core.errors import RemoteError

from .answers import Answer
from .application import Call
from .client import Client, Response
from .mirror import Copy, Mirror
from .requests import ROUTE_HEADER

_OURS = frozenset(
    "authorization connection content-length expect host keep-alive proxy-authorization "
    "proxy-connection te trailer transfer-encoding upgrade http2-settings x-api-key "
    f"x-request-id {ROUTE_HEADER}".split()
)
"""Headers of a request that are not the candidate's: of this connection, secret, or set here."""

_THEIRS = frozenset(
    (
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "transfer-encoding",
        "x-request-id",
    )
)
"""Headers of an answer that are set anew."""


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other version: its worker's unix socket and its share of the routing keys.

    With `mirror` it gets a copy of every request, whoever answered it.
    """

    version: int
    socket: str
    weight: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    mirror: bool = False


class Routes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The route table of a worker. Outcomes are kept while `release` is set."""

    release: int | None = None
    salt: str = ""
    candidate: Candidate | None = None
    deadline_ms: Annotated[float, msgspec.Meta(gt=0.0, le=600_000.0)] = 2000.0


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came of asking the candidate, of this version: its answer, or why there is none."""

    answer: Answer | None
    version: int = 0
    failure: str = ""


def position(salt: str, key: str) -> float:
    """Return where a key stands in [0, 1); the same key always stands at the same place.

    A candidate with weight w has the keys below w, so that a growing weight keeps all it had.
    The salt makes the places of two releases independent.

    >>> position("release-1", "customer-7") == position("release-1", "customer-7")
    True
    """
    digest = blake2b((salt + key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Router:
    """Holds the route table and the connections to the candidate's worker."""

    def __init__(self) -> None:
        self.routes = Routes()
        self.mirror = Mirror()
        self._client: Client | None = None

    def set(self, routes: Routes) -> None:
        """Replace the route table; requests under way end as they began."""
        old = self._client
        candidate = routes.candidate
        if candidate is None:
            self._client = None
        elif old is None or old.target != candidate.socket:
            self._client = Client(candidate.socket)
        self.routes = routes
        if old is not None and old is not self._client:
            old.leave()

    def takes(self, key: str | None) -> bool:
        """Say whether the candidate is to answer; without a key, by chance."""
        candidate = self.routes.candidate
        if candidate is None:
            return False
        if candidate.weight >= 1.0:
            return True
        place = random.random() if key is None else position(self.routes.salt, key)  # noqa: S311
        return place < candidate.weight

    async def forward(self, call: Call) -> Forwarded:
        """Let the candidate answer, within the deadline; its failure is an answer here."""
        routes, client = self.routes, self._client
        if client is None or routes.candidate is None:
            return Forwarded(None, failure="candidate_gone")
        version = routes.candidate.version
        copy = _copy(call, "champion" if routes.release is None else "candidate")
        try:
            response = await client.request(
                copy.method,
                copy.target,
                copy.body,
                copy.headers,
                timeout=routes.deadline_ms / 1000,
            )
        except RemoteError as exc:
            late = isinstance(exc.__cause__, TimeoutError)
            failure = "candidate_timeout" if late else "candidate_unreachable"
            return Forwarded(None, version, failure)
        if response.status >= 500:
            return Forwarded(None, version, "candidate_status")
        return Forwarded(_passed_on(response), version)

    def copy(self, call: Call) -> bool:
        """Send the candidate a copy of what was answered, unless too many are on their way."""
        if self._client is None:
            return True
        seconds = self.routes.deadline_ms / 1000
        return self.mirror.send(self._client, _copy(call, "mirror"), seconds=seconds)

    def close(self) -> None:
        """Close the connections."""
        self.mirror.close()
        self.set(Routes())


def _copy(call: Call, route: str) -> Copy:
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in call.headers.items()
        if name.decode("latin-1") not in _OURS
    }
    headers |= {"x-request-id": call.request_id, ROUTE_HEADER: route}
    target = quote(call.path) + (f"?{call.query}" if call.query else "")
    return Copy(call.method, target, call.body, headers)


def _passed_on(response: Response) -> Answer:
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.items()
        if name not in _THEIRS
    )
    kind = response.headers.get("content-type", "application/json").encode("latin-1")
    return Answer(response.status, response.body, headers, kind)
