"""Large requests, read and predicted in a thread so that the small ones need not wait."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .answers import Refused
from .application import Application, Work
from .turn import Job

BIG = 128 * 1024
"""Bytes of a body from which it is large."""

WAITING = 16
_SWITCH = 0.001  # seconds that the thread may compute before the loop has its turn

Found = object


class Aside:
    """One thread; `done` gets what a job came to, or its exception, in the event loop."""

    def __init__(self, application: Application, done: Callable[[Job, Found], None]) -> None:
        self._application = application
        self._done = done
        self._waiting = 0
        self._thread: ThreadPoolExecutor | None = None

    def run(self, job: Job) -> None:
        """Answer a job in the thread.

        Raises:
            Refused: 503 when too many wait.
        """
        if self._waiting >= WAITING:
            busy = ((b"retry-after", b"1"),)
            raise Refused(503, "overload", "too many large requests wait; try again", headers=busy)
        if self._thread is None:
            sys.setswitchinterval(_SWITCH)
            self._thread = ThreadPoolExecutor(1, "mlwright-aside")
        self._waiting += 1
        loop = asyncio.get_running_loop()
        self._thread.submit(self._run, job, loop)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    def _run(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        found: Found
        try:
            found = job.door.route(job.call)
            if isinstance(found, Work):
                found = self._application.work([(job.call, found)])[0]
        except Exception as exc:
            found = exc
        loop.call_soon_threadsafe(self._end, job, found)

    def _end(self, job: Job, found: Found) -> None:
        self._waiting -= 1
        self._done(job, found)
