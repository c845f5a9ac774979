"""What is answered at the end of a turn of the event loop, together.

All requests that came in one turn are predicted by one call and logged by one write; only then do
their answers leave. So batches form from whatever has queued, and nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.predictions.lines import Outcome, line

from .answers import Answer, Refused
from .application import Application, Call, Count, Door, Reply, Work
from .complaints import complain, place_of
from .journal import Journal
from .metrics import Metrics
from .wire import Request

UNLOGGED = Refused(503, "log", "the prediction log cannot be written")
ROWS = 512
"""Rows of one turn; what came beyond waits for the next one, after what the sockets bring."""


class Job:
    """One request on its way to its answer.

    `version` is the one that answers, `release` the rollout that is on and `weight` its candidate's
    share; it is `mirrored` when its candidate gets a copy. Of a `candidate` that was asked: its
    `failure`, what it said `instead` of a prediction, and how long that `took`. `client` has a
    place in the queue; None has not.
    """

    __slots__ = (
        "call",
        "candidate",
        "client",
        "door",
        "failure",
        "good",
        "instead",
        "mirrored",
        "public",
        "release",
        "request",
        "took",
        "version",
        "weight",
    )

    def __init__(
        self, request: Request, call: Call, door: Door, version: int, *, public: bool
    ) -> None:
        self.request = request
        self.call = call
        self.door = door
        self.version = version
        self.public = public
        self.release: int | None = None
        self.weight = 0.0
        self.candidate = False
        self.mirrored = False
        self.good: bool | None = None
        self.failure = ""
        self.instead: Answer | None = None
        self.took = 0.0
        self.client: int | None = None

    @property
    def copy(self) -> bool:
        """Whether this is a copy of a request that another version answers."""
        return self.call.arm == "mirror"

    def settled(self, reply: Reply) -> Reply:
        """Return what is answered after a candidate failed: ours, or its refusal if we refuse too.

        What both refuse is the request's fault, and the candidate has done well.
        """
        if not self.failure:
            return reply
        if self.instead is not None and reply.answer.status >= 400:
            self.good = True
            return Reply(self.instead)
        self.good = False
        failed: Count = ("errors_total", f'kind="{self.failure}"', 1)
        return reply._replace(counts=(*reply.counts, ("fallbacks_total", "", 1), failed))

    def outcome(self, answer: Answer) -> bytes:
        """Return the outcome's line."""
        assert self.release is not None  # noqa: S101
        good = answer.status < 500 if self.good is None else self.good
        took = self.took or time.perf_counter() - self.call.started
        taken = round(took * 1000, 3)
        key, now = self.call.key, clock.now()
        return line(
            Outcome(
                now,
                self.release,
                key,
                self.candidate,
                good,
                taken,
                self.weight,
                self.call.request_id,
            )
        )


class Turn:
    """Gathers what is to be answered; `send` gets each answer when its lines are in the log."""

    def __init__(
        self,
        application: Application,
        journal: Journal,
        metrics: Metrics,
        send: Callable[[Job, Answer], None],
    ) -> None:
        self._application = application
        self._journal = journal
        self._metrics = metrics
        self._send = send
        self._works: deque[tuple[Job, Work]] = deque()
        self._replies: list[tuple[Job, Reply]] = []
        self._ending = False

    def work(self, job: Job, work: Work) -> None:
        """Predict these rows at the end of this turn."""
        self._works.append((job, work))
        self._wake()

    def reply(self, job: Job, reply: Reply) -> None:
        """Log and send this answer at the end of this turn."""
        self._replies.append((job, reply))
        self._wake()

    def _wake(self) -> None:
        if not self._ending:
            self._ending = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._ending = False
        done, self._replies = self._replies, []
        batch = self._batch()
        if batch:
            done += [
                (job, replied(job, found))
                for (job, _), found in zip(batch, self._worked(batch), strict=True)
            ]
        self._finish([(job, job.settled(reply)) for job, reply in done])
        if self._works:
            self._wake()

    def _worked(self, batch: Sequence[tuple[Job, Work]]) -> Sequence[Reply | Refused]:
        try:
            return self._application.work([(job.call, work) for job, work in batch])
        except Exception as exc:  # every caller gets an answer, and its place in the queue is free
            return [bug(exc)] * len(batch)

    def _batch(self) -> list[tuple[Job, Work]]:
        batch, rows = [], 0
        while self._works and rows < ROWS:
            batch.append(self._works.popleft())
            rows += len(batch[-1][1].rows)
        return batch

    def _finish(self, done: Sequence[tuple[Job, Reply]]) -> None:
        copies = [each for job, reply in done if job.copy for each in reply.lines]
        lines = [each for job, reply in done if not job.copy for each in reply.lines]
        ends = [job.outcome(reply.answer) for job, reply in done if job.release is not None]
        unlogged = (lines or ends) and not self.logged(lines, ends)
        if copies:
            self._journal.write_copies(copies)
        for job, reply in done:
            answer = reply.answer
            if unlogged and (reply.lines or job.release is not None):
                answer = job.door.refusal(UNLOGGED)
            else:
                for name, label, by in reply.counts:
                    self._metrics.count(name, label, by)
            self._send(job, answer)

    def logged(self, lines: Sequence[bytes], outcomes: Sequence[bytes] = ()) -> bool:
        """Write to the log; say whether the answers may leave."""
        try:
            self._journal.write(lines, outcomes)
        except RemoteError as exc:
            self._metrics.count("log_failures_total", by=max(1, len(lines)))
            complain("log", f"{exc}; {exc.hint}")
            return self._journal.policy.policy == "best-effort"
        return True


def replied(job: Job, found: Reply | Refused) -> Reply:
    """Return what a Work came to as the answer that the caller's contract gives."""
    return Reply(job.door.refusal(found)) if isinstance(found, Refused) else found


def bug(found: object) -> Refused:
    """Return what a caller is told of a failure that is ours; the rest goes to stderr."""
    if isinstance(found, Exception):
        complain("bug", f"a request failed: {type(found).__name__} at {place_of(found)}")
    else:
        complain("bug", f"a route gave {type(found).__name__}")
    return Refused(500, "bug", "the server failed on this request")
