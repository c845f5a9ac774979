"""What is answered at the end of a turn of the event loop, together.

All requests that came in one turn are predicted by one call and logged by one write; only then do
their answers leave. So batches form from whatever has queued, and nobody waits for a timer.

Requests of many rows are scored by a thread, while the loop reads the next ones and writes the
answers of the last ones: what scores is in C, and lets go of Python meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
from msgspec.structs import replace

from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.predictions.lines import Outcome, line

from .answers import Answer, Refused
from .application import Application, Call, Count, Door, Gathered, Gathers, Reply, Work
from .complaints import complain, place_of
from .journal import Journal
from .metrics import Metrics
from .wire import Request

UNLOGGED = Refused(503, "log", "the prediction log cannot be written")
ROWS = 512
"""Rows of one turn; what came beyond waits for the next one, after what the sockets bring."""

MANY = 32
"""Rows from which a request is scored by the thread."""

TOGETHER = 1024
"""Rows that the thread scores together; what comes meanwhile waits for the next time."""


class Job(msgspec.Struct, eq=False):
    """One request on its way to its answer.

    `version` is the one that answers, `release` the rollout that is on and `weight` its candidate's
    share; it is `mirrored` when its candidate gets a copy. Of a `candidate` that was asked: its
    `failure`, what it said `instead` of a prediction, and how long that `took`. `client` has a
    place in the queue; None has not.
    """

    request: Request
    call: Call
    door: Door
    version: int
    public: bool
    release: int | None = None
    weight: float = 0.0
    candidate: bool = False
    mirrored: bool = False
    good: bool | None = None
    failure: str = ""
    instead: Answer | None = None
    took: float = 0.0
    client: int | None = None

    @property
    def copy(self) -> bool:
        """Whether this is a copy of a request that another version answers."""
        return self.call.arm == "mirror"

    def settled(self, reply: Reply) -> Reply:
        """Return what is answered after a candidate failed: ours, or its refusal if we refuse too.

        What both refuse is the request's fault, and the candidate has done well.
        """
        if self.instead is not None and reply.answer.status >= 400:
            self.good = True
            return Reply(self.instead)
        self.good = False
        failed: Count = ("errors_total", f'kind="{self.failure}"', 1)
        return replace(reply, counts=(*reply.counts, ("fallbacks_total", "", 1), failed))

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


Batch = list[tuple[Job, Work]]


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
        self._gather = application.gather if isinstance(application, Gathers) else None
        self._works: deque[tuple[Job, Work]] = deque()
        self._many: deque[tuple[Job, Work]] = deque()
        self._thread: ThreadPoolExecutor | None = None
        self._scoring = False
        self._replies: list[tuple[Job, Reply]] = []
        self._ending = False

    def work(self, job: Job, work: Work) -> None:
        """Predict these rows at the end of this turn."""
        many = len(work.rows) >= MANY and self._gather is not None
        (self._many if many else self._works).append((job, work))
        self._wake()

    def reply(self, job: Job, reply: Reply) -> None:
        """Log and send this answer at the end of this turn."""
        self._replies.append((job, reply))
        self._wake()

    def _wake(self) -> None:
        if not self._ending:
            self._ending = True
            asyncio.get_running_loop().call_soon(self._end)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    def _end(self) -> None:
        self._ending = False
        if not self._scoring:
            self._start()
        done, self._replies = self._replies, []
        batch = _some(self._works, ROWS)
        if batch:
            done += _replied(batch, self._worked(batch))
        self._finish(done)
        if self._works:
            self._wake()

    def _worked(self, batch: Batch) -> Sequence[Reply | Refused]:
        try:
            return self._application.work([(job.call, work) for job, work in batch])
        except Exception as exc:  # every caller gets an answer, and its place in the queue is free
            return [bug(exc)] * len(batch)

    def _start(self) -> None:
        """Let the thread score what is for it."""
        batch = _some(self._many, TOGETHER)
        if not batch or self._gather is None:
            return
        try:
            gathered = self._gather([(job.call, work) for job, work in batch])
        except Exception as exc:
            failed = bug(exc)
            self._replies += _replied(batch, [failed] * len(batch))
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "mlwright-scores")
        self._scoring = True
        loop = asyncio.get_running_loop()
        self._thread.submit(self._score, batch, gathered, loop)

    def _score(self, batch: Batch, gathered: Gathered, loop: asyncio.AbstractEventLoop) -> None:
        gathered.score()
        loop.call_soon_threadsafe(self._scored, batch, gathered)

    def _scored(self, batch: Batch, gathered: Gathered) -> None:
        self._scoring = False
        self._start()  # first: the thread works on while the answers are written
        self._finish(_replied(batch, gathered.replies()))

    def _finish(self, done: Sequence[tuple[Job, Reply]]) -> None:
        settled = [(job, job.settled(reply) if job.failure else reply) for job, reply in done]
        lines: list[bytes] = []
        copies: list[bytes] = []
        ends: list[bytes] = []
        for job, reply in settled:
            if reply.lines:
                (copies if job.copy else lines).extend(reply.lines)
            if job.release is not None:
                ends.append(job.outcome(reply.answer))
        unlogged = (lines or ends) and not self.logged(lines, ends)
        if copies:
            self._journal.write_copies(copies)
        for job, reply in settled:
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


def _some(works: deque[tuple[Job, Work]], most: int) -> Batch:
    """Take the first works out, until there are so many rows."""
    batch: Batch = []
    rows = 0
    while works and rows < most:
        batch.append(works.popleft())
        rows += len(batch[-1][1].rows)
    return batch


def _replied(batch: Batch, found: Sequence[Reply | Refused]) -> list[tuple[Job, Reply]]:
    """Return what Works came to as the answers that their callers' contracts give."""
    return [
        (job, Reply(job.door.refusal(each)) if isinstance(each, Refused) else each)
        for (job, _), each in zip(batch, found, strict=True)
    ]


def bug(found: object) -> Refused:
    """Return what a caller is told of a failure that is ours; the rest goes to stderr."""
    if isinstance(found, Exception):
        complain("bug", f"a request failed: {type(found).__name__} at {place_of(found)}")
    else:
        complain("bug", f"a route gave {type(found).__name__}")
    return Refused(500, "bug", "the server failed on this request")
