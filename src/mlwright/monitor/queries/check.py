"""A check of an environment that answers questions: its query log, and the age of its index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mlwright.core import clock
from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace
from mlwright.predictions import evaluated, query_log
from mlwright.predictions.query_log import Asked
from mlwright.stats.intervals import Interval

from ..check import DAY, Verdict, keep_check
from ..failures import failures
from ..live import Live, live
from . import wording
from .changes import Change, Changes, changes
from .figures import Figures, figures
from .index import IndexAge, index_age

Say = Callable[[str], None]

FEWEST_QUERIES = 50
_SPANS_BEFORE = 7
_LEAST_BEFORE = 7 * DAY
_SKEW = 60.0


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """What a check of a query log found. Times are seconds since 1970.

    `before` are the figures from `before_since` to `since`: the week before, or seven spans of the
    same length where these are longer. `errors` is the share of
    requests that failed since the last look, or of those that a rollout routed in a report.
    """

    environment: str
    model: str
    version: int
    time: float
    before_since: float
    since: float
    until: float
    now: Figures
    before: Figures
    changes: Changes
    age: IndexAge
    errors: Interval | None
    left_out: Mapping[str, int]
    policy: Monitor

    @property
    def rows(self) -> int:
        """Return how many questions were answered."""
        return self.now.queries

    @property
    def fallbacks(self) -> int:
        """Return how many were answered because a candidate had failed."""
        return self.now.fallbacks

    @property
    def changed(self) -> list[Change]:
        """Return what changed, the worse first."""
        return [change for change in self.changes.judged if change.changed]

    @property
    def verdict(self) -> Verdict:
        """Return what follows: degraded goes before drift of what is asked."""
        if self.rows < FEWEST_QUERIES or not self.changes.judged:
            return "not_enough_data"
        if any(change.worse for change in self.changed):
            return "degraded"
        return "drift" if any(change.kind == "questions" for change in self.changed) else "ok"

    @property
    def sentence(self) -> str:
        """Return the verdict as a sentence."""
        return wording.sentence(self)

    @property
    def causes(self) -> tuple[str, ...]:
        """Return the likely causes, ranked, for an alert."""
        return wording.causes(self)

    def to_json(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return {
            "kind": "queries",
            "environment": self.environment,
            "model": self.model,
            "version": self.version,
            "time": clock.iso(self.time),
            "since": clock.iso(self.since),
            "until": clock.iso(self.until),
            "verdict": self.verdict,
            "sentence": self.sentence,
            **self.now.to_json(),
            "errors": self.errors.to_json() if self.errors else None,
            "before": {"since": clock.iso(self.before_since), **self.before.to_json()},
            "changes": [change.to_json() for change in self.changes.judged],
            "not_judged": dict(self.changes.unjudged),
            "index": self.age.to_json(),
            "left_out": dict(self.left_out),
        }


def check_queries(
    workspace: Workspace,
    environment: str,
    *,
    since: float | None = None,
    until: float | None = None,
    policy: Monitor | None = None,
    reference: Sequence[str] | None = None,
    say: Say = lambda _: None,
) -> QueryCheck:
    """Compare how questions were answered, and what was asked, with the days before, and keep it.

    With `monitor.keep_days`, files of the log older than that are removed.

    Args:
        workspace: where the environment and its log are.
        environment: the one to check; it serves an index.
        since: the span's start, seconds since 1970; a day before its end when left out.
        until: its end, not included; now when left out.
        policy: when to speak of a change; by default what the settings say.
        reference: questions to compare with, in place of those of the newest evaluation.
        say: told a line of progress a step.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
    """
    answering = live(workspace, environment)
    until = clock.now() if until is None else until
    found = look(
        workspace,
        environment,
        answering,
        since=until - DAY if since is None else since,
        until=until,
        policy=policy or workspace.settings.monitor,
        reference=reference,
        errors=failures(answering.log),
    )
    keep_check(workspace, found)
    days = workspace.settings.monitor.keep_days
    if days is not None:
        query_log.forget(answering.log, before=clock.now() - days * DAY)
    say(found.sentence)
    return found


def look(
    workspace: Workspace,
    environment: str,
    answering: Live,
    *,
    since: float,
    until: float,
    policy: Monitor,
    reference: Sequence[str] | None = None,
    errors: Interval | None = None,
) -> QueryCheck:
    """Compare a span with what came before, and keep nothing."""
    seen, left_out = _of_the_index(answering, since, until)
    before_since = max(0.0, since - max(_SPANS_BEFORE * (until - since), _LEAST_BEFORE))
    earlier, _ = _of_the_index(answering, before_since, since)
    now, before = figures(seen), figures(earlier)
    strange = query_log.unknown(answering.log, seen.strange)
    if strange:
        left_out["ratings of unknown requests"] = strange
    asked = evaluated.kept(workspace, answering.model) if reference is None else reference
    return QueryCheck(
        environment=environment,
        model=answering.model,
        version=answering.version,
        time=clock.now(),
        before_since=before_since,
        since=since,
        until=until,
        now=now,
        before=before,
        changes=changes(seen, earlier, (now, before), asked, policy),
        age=index_age(workspace, answering),
        errors=errors,
        left_out=left_out,
        policy=policy,
    )


def _of_the_index(answering: Live, since: float, until: float) -> tuple[Asked, dict[str, int]]:
    """Return what all versions of the index answered, and what is left out, by reason."""
    seen = query_log.read(answering.log, since=since, until=until)
    mine = pl.col("model") == answering.model
    table = seen.queries.filter(mine)
    counts = {
        "damaged lines": seen.skipped,
        "queries of other indexes": seen.queries.height - table.height,
        "queries ahead of this clock": _ahead(answering, until),
    }
    feedback = seen.feedback.join(table, on="request_id", how="semi")
    left_out = {reason: count for reason, count in counts.items() if count}
    return Asked(table, feedback, seen.skipped, seen.strange), left_out


def _ahead(answering: Live, until: float) -> int:
    now = clock.now()
    if until < now - _SKEW:
        return 0
    later = query_log.read(answering.log, since=now + _SKEW, until=float("inf"))
    return later.queries.height
