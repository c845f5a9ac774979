"""A watch: a check after each interval, for as long as it runs, and on from there when restarted.

Windows end at multiples of the interval. A row is judged for drift once: a window with too few
rows waits for the next one, and what came while nobody watched is one window. The error rate is
that of the stream: one false alert in 30 days is expected at most, however often it looks. Drift
has the larger part of it, and the loss (`stream`) the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace
from mlwright.predictions.labels import labelled, read_labels

from .check import Say, check
from .cursor import Cursor, boundary, load, save
from .found import Found
from .hours import keep
from .live import live
from .loop import check_interval, loop
from .rows import read_rows
from .sources import Source
from .stream import Loss, look
from .tell import tell
from .truth import known

MONTH = 30 * 86_400.0
DRIFT_SHARE = 0.72  # at an hourly check .001, the rate of a single check
LONGEST_WAIT = 7 * 86_400.0
LATEST_LABEL = 90 * 86_400.0
_GRACE = 5.0

Report = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What each check is asked for beyond the settings.

    A threshold that is given is that of each check: the error rate of the stream is not held then.
    A least accuracy makes each check judge its own labels.
    """

    drift_threshold: float | None = None
    reference: Source | None = None
    segment: str | None = None
    minimum_accuracy: float | None = None
    joint: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What to watch, and how often (seconds). `report` is called with each day that is over."""

    workspace: Workspace
    environment: str
    interval: float
    asked: Asked = Asked()
    report: Report | None = None
    say: Say = lambda _: None

    def __post_init__(self) -> None:
        check_interval(self.interval)

    @property
    def policy(self) -> Monitor:
        """Return when a check of this stream speaks of drift."""
        settings = self.workspace.settings.monitor
        share = DRIFT_SHARE * self.interval / MONTH
        q = self.asked.drift_threshold or min(settings.drift_threshold, share)
        together = self.asked.joint or settings.joint
        return settings.model_copy(update={"drift_threshold": q, "joint": together})

    @property
    def line(self) -> float:
        """Return the mean number of looks at the loss until a false alarm, at least."""
        return MONTH / self.interval / (1 - DRIFT_SHARE)

    def due(self, now: float) -> float:
        """Return the moment at which the next check can begin, given what is kept."""
        cursor = load(self.workspace, self.environment) or Cursor.first(now, self.interval)
        return boundary(cursor.until, self.interval) + self.interval + self._grace

    def step(self, now: float) -> Found | None:
        """Do the check that is due, tell of it, and keep how far it came; None when none is.

        A step that dies before its end is done again with the same rows, and says the same.

        Raises:
            NotFound: nothing answers in the environment.
            RemoteError: nobody could be told.
        """
        cursor = load(self.workspace, self.environment) or Cursor.first(now, self.interval)
        until = boundary(now - self._grace, self.interval)
        if until <= cursor.until:
            return None
        since = max(cursor.untested, until - LONGEST_WAIT)
        self._forget(since, until)
        found, enough, evidence = self._check(cursor, since, until)
        cursor = replace(
            cursor,
            untested=until if enough else since,
            until=until,
            labels=until,
            evidence=evidence,
        )
        cursor = self._reported(cursor, until)
        save(self.workspace, self.environment, cursor)
        keep(self.workspace, self.environment, say=self.say)
        return found

    def run(self, stop: threading.Event, *, checked: Callable[[Found], None]) -> None:
        """Check until told to stop; what goes wrong in a check is said, and tried again.

        Raises:
            Busy: another watch of this environment runs.
            NotFound: nothing answers there when the watch begins.
        """
        with self.workspace.lock(f"watch {self.environment}", f"watch {self.environment}"):
            live(self.workspace, self.environment)
            loop(self, stop, checked=checked, say=self.say)

    @property
    def _grace(self) -> float:
        """Return how long the answers of a window may take to reach the log."""
        return min(_GRACE, self.interval / 10)

    def _check(
        self, cursor: Cursor, since: float, until: float
    ) -> tuple[Found, bool, Mapping[str, Any]]:
        """Check a window and tell of it; say whether it had rows enough, and keep of the loss."""
        loss = self._loss(cursor, until)
        found = check(
            self.workspace,
            self.environment,
            since=since,
            until=until,
            policy=self.policy,
            reference=self.asked.reference,
            segment=self.asked.segment,
            minimum_accuracy=self.asked.minimum_accuracy,
            loss=loss,
            judged=self.asked.minimum_accuracy is not None,
            say=self.say,
        )
        tell(self.workspace, found, say=self.say)
        return found, found.rows >= self.policy.minimum_rows, loss.kept() if loss else {}

    def _loss(self, cursor: Cursor, until: float) -> Loss | None:
        """Look at the labels told since the last look, however long ago their rows were."""
        answering = live(self.workspace, self.environment)
        fresh = read_labels(answering.log).filter(
            pl.col("time").is_between(cursor.labels, until, closed="left")
        )
        rows = read_rows(
            answering, since=until - LATEST_LABEL, until=until, requests=fresh["request_id"]
        )
        usable = known(labelled(rows.window, fresh), answering.bundle.signature)
        return look(
            usable,
            answering.bundle.metrics.get("holdout", {}),
            cursor.evidence,
            version=answering.version,
            at=float(usable.times.min()) if len(usable) else until,
            line=self.line,
        )

    def _forget(self, since: float, until: float) -> None:
        """Remove what a step that died has left of this very window."""
        from sqlalchemy import delete

        from mlwright.core.state import checks

        window = (checks.c.since == since) & (checks.c.until == until)
        mine = (checks.c.environment == self.environment) & window
        with self.workspace.state.write() as connection:
            connection.execute(delete(checks).where(mine))

    def _reported(self, cursor: Cursor, until: float) -> Cursor:
        day = boundary(until, 86_400.0)
        if self.report is None or day <= cursor.reported:
            return cursor
        self.report(cursor.reported, day)
        return replace(cursor, reported=day)
