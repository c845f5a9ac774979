"""What the server hosts, and the seam between it, the contracts and an application.

The server reads a whole `Call`, looks its route up, and gets one of three things back: an `Answer`
that is ready, `Work` (rows to predict, together with all that came in the same turn of the event
loop), or something to await, for an application that waits for others or streams.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import msgspec

from mlwright.core.signature import Label, Signature
from mlwright.predictions.lines import Route as Arm

from .answers import Answer, Refused

Value = str | int | float | bool | None
Row = dict[str, Value]
Values = tuple[Value, ...]
Score = float | list[float]
Health = Literal["", "live", "ready"]


class Call(msgspec.Struct, gc=False):
    """One whole request. Header names are in lower case; `started` is a `time.perf_counter()`.

    `path` is percent-decoded, `query` is what stands behind the question mark, as it came.
    """

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: bytes
    request_id: str
    key: str | None
    started: float
    arm: Arm = "champion"


class Predicted(msgspec.Struct, frozen=True, gc=False):
    """The predictions of the rows of one Work.

    `scores` are P(positive) or the value, one number a row; for many classes a list a row, in the
    order of `signature.classes`. `explanations` is there when the Work asked for it.
    """

    ids: list[str]
    labels: list[Label]
    scores: list[Any]
    model: str
    version: int
    signature: Signature
    explanations: list[Any] | None = None


class Work(msgspec.Struct, frozen=True):
    """Rows to predict, and how their answer is written in the caller's contract.

    Rows that were checked while they were read are the values of the signature's columns, in its
    order, and `texts` are the same rows as they came.
    """

    rows: Sequence[Row] | Sequence[Values]
    reply: Callable[[Predicted], Answer]
    explain: bool = False
    texts: Sequence[msgspec.Raw] = ()


Count = tuple[str, str, int]
"""A counter of `Metrics`, its label, and by how much it grows."""


class Reply(msgspec.Struct, frozen=True):
    """An answer, the lines that must be in the log before it leaves, and what to count."""

    answer: Answer
    lines: Sequence[bytes] = ()
    counts: Sequence[Count] = ()


Route = Callable[[Call], Answer | Work]
"""Pure and synchronous; it may be called from another thread. Raises `Refused`."""

AsyncRoute = Callable[[Call], Awaitable[Reply]]
"""For an application that waits for others; its Reply's answer may have a `stream`."""


class Contract(Protocol):
    """One way in which clients speak to a model.

    Built with (model name, version, Signature, samples, environment variables as a mapping).
    """

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return (method, exact path) -> route; HEAD is answered where GET is."""
        ...

    def health(self) -> Mapping[str, Health]:
        """Return the paths of `routes` that tell whether the server lives or is ready.

        They need no API key; those of "ready" are answered with 503 while a worker stops.
        """
        ...

    def refusal(self, refused: Refused) -> Answer:
        """Return a refusal in this contract's own shape; `refused.answer()` is the plain one.

        Its status, kind and headers are those of `refused`.
        """
        ...


class Door(NamedTuple):
    """A route as the server holds it; its own ones (health, metrics, control) are `local`.

    What an `elsewhere` route gives is answered by somebody who is waited for, so a thread does it.
    """

    route: Route | AsyncRoute
    refusal: Callable[[Refused], Answer] = Refused.answer
    health: Health = ""
    local: bool = False
    elsewhere: bool = False


class Gathered(Protocol):
    """Works that are checked, on their way to their answers."""

    def score(self) -> None:
        """Score all rows, in whatever thread; what goes wrong is told by `replies`."""
        ...

    def replies(self) -> list[Reply | Refused]:
        """Return one result for each Work. Raises nothing."""
        ...


@runtime_checkable
class Gathers(Protocol):
    """An application whose Works can be scored while the event loop goes on."""

    def gather(self, jobs: Sequence[tuple[Call, Work]]) -> Gathered:
        """Check each Work by itself; what `work` does is this, and the two steps that follow."""
        ...


class Application(Protocol):
    """What a worker hosts; auth, limits, log, metrics and routing are the server's.

    A rollout forwards what is sent to its POST routes.
    """

    model: str
    version: int

    def doors(self) -> Mapping[tuple[str, str], Door]:
        """Return (method, exact path) -> door; the same as long as it lives."""
        ...

    def warm(self) -> None:
        """Make the first request as fast as the next; called before the worker says ready."""
        ...

    def work(self, jobs: Sequence[tuple[Call, Work]]) -> list[Reply | Refused]:
        """Predict the Works of one turn together; one result each. Raises nothing."""
        ...
