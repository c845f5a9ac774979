"""What happens after a check of a query log: people are told what changed, and what has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mlwright.core.workspace import Workspace
from mlwright.stats.intervals import Interval

from ..rules import hold
from ..tell import pass_on
from .check import QueryCheck
from .wording import alert_of

Say = Callable[[str], None]


def tell_queries(workspace: Workspace, found: QueryCheck, *, say: Say = lambda _: None) -> None:
    """Tell the channels what a check found, and what the rules on latency and errors say.

    Raises:
        RemoteError: nobody took it; the next call tries again.
    """
    judged = hold(workspace.settings.alerts.rules, found, measures(found))
    pass_on(workspace, found, alert_of(found), judged, say=say)


def measures(found: QueryCheck) -> Mapping[str, Interval]:
    """Return what rules can be held against, by measure; latency in seconds."""
    values = {
        name: replace(value, value=value.value / 1000, low=value.low / 1000, high=value.high / 1000)
        for name, value in found.now.latency_ms.items()
        if value is not None
    }
    return {**values, "error_rate": found.errors} if found.errors else values
