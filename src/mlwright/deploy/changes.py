"""Every change of a release's state.

    pending -> starting -> testing -> live -> superseded
                             |          +---> rolled_back     (a person, later)
                             +-> rolling -> live, rolled_back
    before live: -> failed;  anywhere: -> stopped

Each is written before the processes follow, in one transaction with its event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, insert

from mlwright.core import clock
from mlwright.core.state import releases as table

from .releases import (
    Release,
    State,
    known_environment,
    live,
    record,
    release,
    save_environment,
    save_release,
    under_way,
)

_NEW = {"state": "pending", "step": 0, "weight": 0.0, "evidence": {}, "reason": ""}


def create(
    connection: Connection,
    environment: str,
    *,
    model: str,
    version: int,
    replaces: int | None,
    strategy: str,
    options: Mapping[str, Any],
    who: str,
) -> Release:
    """Write a new release, pending."""
    now = clock.now()
    result = connection.execute(
        insert(table).values(
            environment=environment,
            model=model,
            version=version,
            replaces=replaces,
            strategy=strategy,
            options=dict(options),
            **_NEW,
            who=who,
            created=now,
            updated=now,
        )
    )
    number = cast("tuple[int]", result.inserted_primary_key)[0]
    made = release(connection, number)
    record(connection, made, "pending", strategy=strategy, version=version, who=who)
    return made


def still_open(connection: Connection, found: Release) -> bool:
    """Return whether nobody ended it, or asked for something, since it was read: ask first."""
    now = release(connection, found.id)
    return now.under_way and now.request == found.request


def ask(connection: Connection, found: Release, request: str, who: str, why: str = "") -> None:
    """Write what a person wants of a rollout under way: promote or rollback."""
    save_release(connection, found, request=request)
    reason = {"reason": why} if why else {}
    record(connection, found, "asked", request=request, who=who, **reason)


def enter(connection: Connection, found: Release, state: State, **values: Any) -> None:
    """Move a release to a state on its way, with an event that holds the same values."""
    save_release(connection, found, state=state, **values)
    record(connection, found, state, **values)


def shift(
    connection: Connection,
    found: Release,
    step: int,
    weight: float,
    reason: str,
    evidence: Mapping[str, Any],
) -> None:
    """Give the new version another share of traffic, with the evidence for it."""
    save_release(
        connection, found, state="rolling", step=step, weight=weight, step_since=clock.now()
    )
    record(
        connection, found, "shift", step=step, weight=weight, reason=reason, evidence=dict(evidence)
    )


def end(connection: Connection, found: Release, state: State, reason: str) -> None:
    """End a release that did not go live: the environment stays with what it has."""
    save_release(connection, found, state=state, reason=reason, weight=0.0, request=None)
    record(connection, found, state, reason=reason)
    if live(connection, found.environment) is None:
        save_environment(connection, found.environment, wanted="stopped")


def stop(connection: Connection, name: str) -> None:
    """Write that an environment is to be stopped, with what is live or under way there."""
    save_environment(connection, name, wanted="stopped")
    for found in (live(connection, name), under_way(connection, name)):
        if found:
            save_release(connection, found, state="stopped", weight=0.0, request=None)
            record(connection, found, "stopped")


def go_live(connection: Connection, found: Release, reason: str) -> None:
    """Make a release's version the one that answers; the version before stays warm."""
    there = known_environment(connection, found.environment)
    if before := live(connection, found.environment):
        undone = found.options.get("undoes") == before.id
        outcome = "rolled_back" if undone else "superseded"
        save_release(connection, before, state=outcome, weight=0.0)
        record(connection, before, outcome, by=found.id)
    previous = there.version if there.version != found.version else there.previous
    save_environment(
        connection,
        found.environment,
        model=found.model,
        version=found.version,
        previous=previous,
    )
    save_release(connection, found, state="live", weight=1.0, reason=reason, request=None)
    record(connection, found, "live", reason=reason)
