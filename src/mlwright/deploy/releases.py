"""What is kept about environments, their releases, and what happened to each: rows in and out."""

from __future__ import annotations

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


def last_event(connection: Connection, environment: str, what: str) -> Event | None:
    """Return the newest event of this kind in an environment."""
    query = (
        select(events)
        .where(events.c.environment == environment, events.c.what == what)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return _read(Event, connection.execute(query).one_or_none())


def history(connection: Connection, environment: str, *, limit: int = 50) -> list[Event]:
    """Return the newest events of an environment, newest first."""
    query = select(events).where(events.c.environment == environment)
    rows = connection.execute(query.order_by(events.c.id.desc()).limit(limit))
    return [cast(Event, _read(Event, row)) for row in rows]


def _read(kind: type[T], row: Row[Any] | None) -> T | None:
    if row is None:
        return None
    values = row._mapping
    return kind(**{field.name: values[field.name] for field in fields(cast(Any, kind))})
