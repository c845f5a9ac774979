"""Who answers a request of a rollout: this worker's version, or the candidate's worker."""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

import msgspec

from mlwright.core.errors import RemoteError

from .client import Client, Response
from .requests import ROUTE_HEADER, Call


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other version: its worker's unix socket and its share of the routing keys."""

    version: int
    socket: str
    weight: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Routes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The route table of a worker. Outcomes are kept while `release` is set."""

    release: int | None = None
    salt: str = ""
    candidate: Candidate | None = None
    deadline_ms: Annotated[float, msgspec.Meta(gt=0.0, le=600_000.0)] = 2000.0


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came of asking the candidate: its answer, or why there is none."""

    response: Response | None
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
        self._client: Client | None = None

    async def set(self, routes: Routes) -> None:
        """Replace the route table; requests under way end as they began."""
        old = self._client
        candidate = routes.candidate
        if candidate is None:
            self._client = None
        elif old is None or old.target != candidate.socket:
            self._client = Client(candidate.socket)
        self.routes = routes
        if old is not None and old is not self._client:
            await old.close()

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
        if client is None:
            return Forwarded(None, "candidate_gone")
        route = "champion" if routes.release is None else "candidate"
        headers = {"x-request-id": call.request_id, ROUTE_HEADER: route}
        if call.key is not None:
            headers["x-routing-key"] = call.key
        try:
            response = await client.request(
                "POST", "/predict", call.body, headers, timeout=routes.deadline_ms / 1000
            )
        except RemoteError as exc:
            late = isinstance(exc.__cause__, TimeoutError)
            return Forwarded(None, "candidate_timeout" if late else "candidate_unreachable")
        if response.status >= 500:
            return Forwarded(None, "candidate_status")
        return Forwarded(response)

    async def close(self) -> None:
        """Close the connections."""
        await self.set(Routes())
