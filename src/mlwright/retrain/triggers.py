"""When a model is due to be trained again: by the calendar, drift, performance, or new labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlwright.core import clock
from mlwright.core.settings import Retrain
from mlwright.core.workspace import Workspace
from mlwright.monitor.live import live
from mlwright.predictions.labels import read_labels

from .history import Entry, entries

Kind = Literal["performance", "drift", "labels", "schedule"]

WEEK = 7 * 86_400.0
PERIODS = {"daily": 86_400.0, "weekly": WEEK, "monthly": 30 * 86_400.0}


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides: the newest check of the live version, past retrainings, labels since the last.

    `began` is when the newest retraining began, or when the version went live. Times are seconds
    since 1970.
    """

    verdict: str | None
    checked: float | None
    drifted: tuple[str, ...]
    began: float
    ever: bool
    this_week: int
    new_labels: int


@dataclass(frozen=True, slots=True)
class Due:
    """A retraining is due: why, in words and as a kind, and which features gave the reason."""

    kind: Kind
    reason: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotDue:
    """No retraining now, and why."""

    why: str


def decide(settings: Retrain, facts: Facts, *, now: float) -> Due | NotDue:
    """Decide whether a retraining is due; the most urgent reason is given.

    A check that is older than the newest retraining gives no reason: it was answered already.
    """
    found = _reason(settings, facts, now)
    if found is None:
        return NotDue("no trigger has fired")
    if facts.ever and now - facts.began < settings.cool_down:
        ready = clock.iso(facts.began + settings.cool_down)
        return NotDue(f"{found.reason}, but it cools down until {ready}")
    if facts.this_week >= settings.budget_per_week:
        return NotDue(
            f"{found.reason}, but {facts.this_week} retrainings in 7 days are the whole budget"
        )
    return found


def facts_of(workspace: Workspace, environment: str, *, now: float) -> Facts:
    """Gather what decides about an environment.

    Raises:
        NotFound: nothing answers there.
    """
    answering = live(workspace, environment)
    past: list[Entry] = entries(workspace, environment)
    checked = _newest_check(workspace, environment, answering.version)
    began = past[0].started if past else _registered(workspace, answering.model, answering.version)
    labels = read_labels(answering.log)["time"]
    return Facts(
        verdict=checked[1] if checked else None,
        checked=checked[0] if checked else None,
        drifted=checked[2] if checked else (),
        began=began,
        ever=bool(past),
        this_week=sum(entry.started > now - WEEK for entry in past),
        new_labels=int((labels >= began).sum()),
    )


def _reason(settings: Retrain, facts: Facts, now: float) -> Due | None:
    fresh = facts.checked is not None and (not facts.ever or facts.checked > facts.began)
    if fresh and facts.verdict == "degraded" and "performance" in settings.triggers:
        return Due("performance", "performance_degraded", facts.drifted)
    if fresh and facts.verdict == "drift" and "drift" in settings.triggers:
        return Due("drift", "data_drift_detected", facts.drifted)
    if settings.new_labels is not None and facts.new_labels >= settings.new_labels:
        return Due("labels", f"{facts.new_labels:,} new labels")
    if settings.schedule and now - facts.began >= PERIODS[settings.schedule]:
        return Due("schedule", settings.schedule)
    return None


def _newest_check(
    workspace: Workspace, environment: str, version: int
) -> tuple[float, str, tuple[str, ...]] | None:
    from sqlalchemy import select

    from mlwright.core.state import checks

    query = (
        select(checks)
        .where(checks.c.environment == environment)
        .order_by(checks.c.id.desc())
        .limit(1)
    )
    with workspace.state.read() as connection:
        row = connection.execute(query).mappings().first()
    if row is None or row["result"].get("version") != version:
        return None
    return row["time"], row["verdict"], tuple(row["result"].get("drifted", ()))


def _registered(workspace: Workspace, model: str, version: int) -> float:
    from sqlalchemy import select

    from mlwright.core.state import versions

    mine = (versions.c.model == model) & (versions.c.version == version)
    with workspace.state.read() as connection:
        return float(connection.execute(select(versions.c.created).where(mine)).scalar_one())
