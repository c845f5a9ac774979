"""A watch of an environment that answers questions: the same loop and the same place kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace

from ..check import Say
from ..cursor import Cursor
from ..found import Found
from ..live import serves_index
from ..watch import MONTH, Asked, Report, Watch
from .check import FEWEST_QUERIES, check_queries
from .tell import tell_queries


@dataclass(frozen=True, slots=True)
class QueryWatch(Watch):
    """A watch of a query log; all of the stream's error rate is that of its changes."""

    @property
    def policy(self) -> Monitor:
        """Return when a check of this stream speaks of a change."""
        settings = self.workspace.settings.monitor
        share = self.interval / MONTH
        q = self.asked.drift_threshold or min(settings.drift_threshold, share)
        return settings.model_copy(update={"drift_threshold": q})

    def _check(
        self, cursor: Cursor, since: float, until: float
    ) -> tuple[Found, bool, Mapping[str, Any]]:
        found = check_queries(
            self.workspace,
            self.environment,
            since=since,
            until=until,
            policy=self.policy,
            say=self.say,
        )
        tell_queries(self.workspace, found, say=self.say)
        return found, found.rows >= FEWEST_QUERIES, {}


def watch_of(
    workspace: Workspace,
    environment: str,
    interval: float,
    asked: Asked = Asked(),  # noqa: B008  # it cannot change
    *,
    report: Report | None = None,
    say: Say = lambda _: None,
) -> Watch:
    """Return the watch that fits what answers in an environment.

    Raises:
        NotFound: there is no such environment, or nothing was deployed there yet.
        ConfigError: the interval is under a second.
    """
    kind = QueryWatch if serves_index(workspace, environment) else Watch
    return kind(workspace, environment, interval, asked, report, say)
