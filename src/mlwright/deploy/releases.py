"""What is kept about environments and releases, and every change of a release's state.

    pending -> starting -> testing -> live -> superseded
                             |          +---> rolled_back     (a person, later)
                             +-> rolling -> live, rolled_back
    before live: -> failed;  anywhere: -> stopped

Every change is written here before the processes follow, in one transaction with its event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import Connection, Row, insert, select, update

from mlwright.core import clock
from mlwright.core.errors import NotFound, did_you_mean
from mlwright.core.state import environments, events, releases

State = Literal[
    "pending",
    "starting",
    "testing",
    "rolling",
    "live",
    "rolled_back",
    "failed",
    "superseded",
    "stopped",
]
UNDER_WAY: tuple[State, ...] = ("pending", "starting", "testing", "rolling")
T = TypeVar("T")
_NEW = {"state": "pending", "step": 0, "weight": 0.0, "evidence": {}, "reason": ""}


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: `version` answers outside a rollout, `previous` is what a rollback takes."""

    name: str
    platform: str
    wanted: Literal["running", "stopped"]
    settings: dict[str, Any]
    url: str | None
    model: str | None
    version: int | None
    previous: int | None
    updated: float


@dataclass(frozen=True, slots=True)
class Release:
    """One wanted state of an environment: `version` in place of `replaces`, by a strategy."""

    id: int
    environment: str
    model: str
    version: int
    replaces: int | None
    strategy: str
    options: dict[str, Any]
    state: State
    step: int
    step_since: float | None
    weight: float
    evidence: dict[str, Any]
    reason: str
    request: str | None
    who: str
    created: float
    updated: float

    @property
    def under_way(self) -> bool:
        """Return whether its outcome is still open."""
        return self.state in UNDER_WAY

    @property
    def ref(self) -> str:
        """The model and version, as a person writes them."""
        return f"{self.model}:{self.version}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a release."""

    id: int
    time: float
    environment: str
    release: int | None
    what: str
    detail: dict[str, Any]


def environment(connection: Connection, name: str) -> Environment | None:
    """Return the environment, or None when nothing was ever deployed to it."""
    query = select(environments).where(environments.c.name == name)
    return _read(Environment, connection.execute(query).one_or_none())


def known_environment(connection: Connection, name: str) -> Environment:
    """Return the environment.

    Raises:
        NotFound: nothing was ever deployed there; the message has the nearest name.
    """
    if found := environment(connection, name):
        return found
    names = [row.name for row in connection.execute(select(environments.c.name))]
    raise NotFound(
        f"no environment is named {name!r}{did_you_mean(name, names)}",
        hint=f"known: {', '.join(sorted(names))}" if names else f"mlwright deploy MODEL {name}",
    )


def environment_names(connection: Connection) -> list[str]:
    """Return the names of all environments, sorted."""
    return sorted(connection.execute(select(environments.c.name)).scalars())


def save_environment(connection: Connection, name: str, **values: Any) -> None:
    """Write these columns of an environment, and make the row when there is none."""
    values["updated"] = clock.now()
    if environment(connection, name) is None:
        connection.execute(insert(environments).values(name=name, **values))
    else:
        connection.execute(update(environments).where(environments.c.name == name).values(**values))


def release(connection: Connection, number: int) -> Release:
    """Return one release."""
    row = connection.execute(select(releases).where(releases.c.id == number)).one()
    return cast(Release, _read(Release, row))


def current(connection: Connection, environment: str) -> Release | None:
    """Return the newest release of an environment, whatever became of it."""
    query = (
        select(releases)
        .where(releases.c.environment == environment)
        .order_by(releases.c.id.desc())
        .limit(1)
    )
    return _read(Release, connection.execute(query).one_or_none())


def newest(connection: Connection, environment: str, *, strategy: str) -> Release | None:
    """Return the newest release of an environment by this strategy."""
    here = (releases.c.environment == environment) & (releases.c.strategy == strategy)
    query = select(releases).where(here).order_by(releases.c.id.desc()).limit(1)
    return _read(Release, connection.execute(query).one_or_none())


def under_way(connection: Connection, environment: str) -> Release | None:
    """Return the release of an environment whose outcome is open, if there is one."""
    found = current(connection, environment)
    return found if found and found.under_way else None


def live(connection: Connection, environment: str) -> Release | None:
    """Return the release whose version answers, or None when none does."""
    query = select(releases).where(
        releases.c.environment == environment, releases.c.state == "live"
    )
    return _read(Release, connection.execute(query).one_or_none())


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
        insert(releases).values(
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


def save_release(connection: Connection, found: Release, **values: Any) -> None:
    """Write these columns of a release."""
    query = update(releases).where(releases.c.id == found.id)
    connection.execute(query.values(updated=clock.now(), **values))


def record(connection: Connection, found: Release, what: str, **detail: Any) -> None:
    """Write an event of a release."""
    connection.execute(
        insert(events).values(
            time=clock.now(),
            environment=found.environment,
            release=found.id,
            what=what,
            detail=detail,
        )
    )


def events_of(connection: Connection, found: Release) -> list[Event]:
    """Return the events of a release, oldest first."""
    query = select(events).where(events.c.release == found.id).order_by(events.c.id)
    return [cast(Event, _read(Event, row)) for row in connection.execute(query)]


def history(connection: Connection, environment: str, *, limit: int = 50) -> list[Event]:
    """Return the newest events of an environment, newest first."""
    query = select(events).where(events.c.environment == environment)
    rows = connection.execute(query.order_by(events.c.id.desc()).limit(limit))
    return [cast(Event, _read(Event, row)) for row in rows]


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


def _read(kind: type[T], row: Row[Any] | None) -> T | None:
    if row is None:
        return None
    values = row._mapping
    return kind(**{field.name: values[field.name] for field in fields(cast(Any, kind))})
