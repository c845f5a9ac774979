"""What happens after a check: people are told what it found, and what has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlwright.alerts import resolve, send
from mlwright.alerts.alert import Alert
from mlwright.core.workspace import Workspace

from .check import Check
from .failures import failures
from .found import Found
from .live import log_of
from .rules import Judged, judge, kind
from .wording import alert_key, alert_of

Say = Callable[[str], None]


def tell(workspace: Workspace, found: Check, *, say: Say = lambda _: None) -> None:
    """Tell the channels what a check found; a check that is ok ends the alerts of its model.

    A rule on drifted features says when drift is told, in the place of the default; a broken
    rule on a metric tells of a degradation, so that it is not told twice.

    Raises:
        RemoteError: nobody took it; the next call tries again.
    """
    pass_on(workspace, found, alert_of(found), _judged(workspace, found), say=say)


def pass_on(
    workspace: Workspace,
    found: Found,
    alert: Alert | None,
    judged: Sequence[Judged],
    *,
    say: Say = lambda _: None,
) -> None:
    """Send the alert of a check's verdict and those of rules, and resolve what has ended.

    Raises:
        RemoteError: nobody took it; the next call tries again.
    """
    for each in judged:
        if each.alert:
            send(workspace, each.alert, say=say)
        elif each.ended:
            resolve(workspace, each.key, say=say)
    if alert and not _told(alert.kind, judged):
        send(workspace, alert, say=say)
    elif found.verdict == "ok":
        resolve(workspace, alert_key(found), say=say)


def _judged(workspace: Workspace, found: Check) -> tuple[Judged, ...]:
    rules = workspace.settings.alerts.rules
    counted = any(rule.measure == "error_rate" for rule in rules)
    errors = failures(log_of(workspace, found.environment)) if counted else None
    return judge(rules, found, errors)


def _told(what: str, judged: Sequence[Judged]) -> bool:
    same = [each for each in judged if kind(each.rule) == what]
    return any(each.alert or what == "data_drift" for each in same)
