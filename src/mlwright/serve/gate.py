"""Who may ask, and when there is no room: API keys, and the bounded queue."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from .answers import Refused

QUEUE = 1024
"""Predictions that may be under way in one worker; what comes beyond is told to try again."""

NOBODY = -1
_BUSY = (b"retry-after", b"1")


class Gate:
    """Checks keys, and keeps the queue bounded.

    Where there are keys, none may hold more than half of the queue, so that one client in a hurry
    leaves room for the others.
    """

    def __init__(self, keys: Sequence[str] = (), *, queue: int = QUEUE) -> None:
        self._keys = [key.encode() for key in keys]
        self._queue = queue
        self._held = [0] * len(keys)
        self._inside = 0

    @property
    def inside(self) -> int:
        """Return how many predictions are under way."""
        return self._inside

    def client(self, headers: Mapping[bytes, bytes]) -> int:
        """Return whose key stands in `Authorization: Bearer` or `X-Api-Key`.

        All keys are compared, each in constant time, so that the time tells nothing.

        Raises:
            Refused: 401, no key or an unknown one.
        """
        if not self._keys:
            return NOBODY
        given = headers.get(b"x-api-key", b"")
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            given = bearer.strip()
        equal = [hmac.compare_digest(given, key) for key in self._keys]
        if not any(equal):
            raise Refused(
                401,
                "key",
                "an API key is needed, in Authorization: Bearer or X-Api-Key",
                headers=((b"www-authenticate", b"Bearer"),),
            )
        return equal.index(True)

    def enter(self, client: int) -> None:
        """Take a place in the queue, which `leave` gives back.

        Raises:
            Refused: 503 when it is full, 429 when this client holds half of it.
        """
        if self._inside >= self._queue:
            raise Refused(503, "overload", "too many requests wait; try again", headers=(_BUSY,))
        if client != NOBODY:
            if 2 * self._held[client] >= self._queue:
                raise Refused(
                    429, "rate", "too many requests of this key wait; try again", headers=(_BUSY,)
                )
            self._held[client] += 1
        self._inside += 1

    def leave(self, client: int) -> None:
        """Give a place back."""
        self._inside -= 1
        if client != NOBODY:
            self._held[client] -= 1
