"""The workspace's database: its tables, and how it is opened, read, written and migrated.

Owners keep their queries: versions in `track`, releases in `deploy`, and so on. Plain SQLAlchemy
with nothing that only SQLite can, so that a team's PostgreSQL can stand here later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from .errors import Busy, UserError

metadata = MetaData()

_meta = Table("meta", metadata, Column("schema_version", Integer, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("experiment", String, nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),  # running, finished, failed, killed
    Column("parent", String),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("process", JSON, nullable=False),  # pid and start time, to tell killed from running
    Column("params", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("model", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("bundle", String, nullable=False),  # the content hash
    Column("run", String),
    Column("created", Float, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("model", String, primary_key=True),
    Column("alias", String, primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.version"]),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("error", Text),
)

environments = Table(
    "environments",
    metadata,
    Column("name", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("wanted", String, nullable=False),  # running or stopped
    Column("settings", JSON, nullable=False),
    Column("url", String),
    Column("model", String),
    Column("version", Integer),  # what answers outside a rollout
    Column("previous", Integer),  # what a rollback returns to
    Column("updated", Float, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("replaces", Integer),
    Column("strategy", String, nullable=False),
    Column("options", JSON, nullable=False),  # steps, guards, seed of the split
    Column("state", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_since", Float),
    Column("weight", Float, nullable=False),  # the new version's share of traffic
    Column("evidence", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request", String),  # what a person asked for meanwhile: promote, rollback
    Column("who", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("environment", String, nullable=False),
    Column("release", Integer),
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)

checks = Table(
    "checks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("time", Float, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("verdict", String, nullable=False),
    Column("result", JSON, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, index=True),
    Column("opened", Float, nullable=False),
    Column("closed", Float),
    Column("alert", JSON, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("alert", Integer, primary_key=True, autoincrement=False),
    Column("event", String, primary_key=True),  # opened, resolved
    Column("channel", String, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("due", Float),  # when to try next; none when it arrived or was given up
    Column("arrived", Float),
    Column("error", Text),
    Column("note", Text, nullable=False),  # why this channel is told, when it stands in
)

retrains = Table(
    "retrains",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("environment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer),
    Column("comparison", JSON, nullable=False),
    Column("decision", String),
    Column("outcome", String),
    Column("detail", JSON),  # what was asked for, what was found, why it ended so
)

watches = Table(
    "watches",
    metadata,
    Column("environment", String, primary_key=True),
    Column("untested", Float, nullable=False),  # the oldest moment that no check has judged
    Column("until", Float, nullable=False),  # the end of the newest window that was looked at
    Column("labels", Float, nullable=False),  # labels told before then have been judged
    Column("reported", Float, nullable=False),  # the end of the newest report
    Column("evidence", JSON, nullable=False),  # of the loss, by version
)

# The statements that bring a database from version i + 1 to i + 2. Only ever appended to.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE deliveries (alert INTEGER NOT NULL, event VARCHAR NOT NULL, "
        "channel VARCHAR NOT NULL, tries INTEGER NOT NULL, due FLOAT, arrived FLOAT, error TEXT, "
        "note TEXT NOT NULL, PRIMARY KEY (alert, event, channel))",
    ),
    (
        "ALTER TABLE retrains ADD COLUMN detail JSON",
        "CREATE TABLE watches (environment VARCHAR NOT NULL, untested FLOAT NOT NULL, "
        "until FLOAT NOT NULL, labels FLOAT NOT NULL, reported FLOAT NOT NULL, "
        "evidence JSON NOT NULL, PRIMARY KEY (environment))",
    ),
)


class State:
    """An open workspace database. `read` and `write` give a connection inside a transaction."""

    def __init__(
        self, path: Path, *, migrations: Sequence[Sequence[str]] = MIGRATIONS, wait: float = 5.0
    ) -> None:
        self._path = path
        self._engine = _engine(path, wait)
        self._migrate(migrations)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent snapshot."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are kept together or not at all.

        Raises:
            Busy: another process held the database for too long.
        """
        engine = self._engine.execution_options(writes=True)
        with self._translated(), engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as exc:
            if "locked" in str(exc.orig):
                raise Busy(
                    f"the workspace {self._path.parent} is locked by another process",
                    hint="wait for the other mlwright command to end, or stop it, and try again",
                ) from exc
            # Read-only, full, or not to be opened: the user's disk, not our statement.
            raise UserError(
                f"the workspace {self._path.parent} cannot be used: {exc.orig}",
                hint="make room on the disk, and make the folder writable",
            ) from exc
        except DatabaseError as exc:
            if "not a database" in str(exc.orig) or "malformed" in str(exc.orig):
                raise UserError(
                    f"{self._path} is damaged: {exc.orig}", hint="restore it from a copy"
                ) from exc
            raise

    def _migrate(self, migrations: Sequence[Sequence[str]]) -> None:
        current = len(migrations) + 1
        with self.read() as connection:
            if inspect(connection).has_table("meta"):
                found = connection.execute(select(_meta.c.schema_version)).scalar()
                if found == current:
                    return
        with self.write() as connection:
            _bring_to(connection, current, migrations, self._path)


def _bring_to(
    connection: Connection, current: int, migrations: Sequence[Sequence[str]], path: Path
) -> None:
    # Asked again inside the write lock: two processes may have opened a new workspace at once.
    if not inspect(connection).has_table("meta"):
        metadata.create_all(connection)
        connection.execute(insert(_meta).values(schema_version=current))
        return
    found = connection.execute(select(_meta.c.schema_version)).scalar() or 0
    if found > current:
        raise UserError(
            f"the workspace {path.parent} was written by a newer mlwright "
            f"(schema {found}, this one knows {current})",
            hint="pip install --upgrade mlwright",
        )
    for statements in migrations[found - 1 :]:
        for statement in statements:
            connection.execute(text(statement))
    connection.execute(update(_meta).values(schema_version=current))


def _engine(path: Path, wait: float) -> Engine:
    # A connection a transaction: opening SQLite costs 0.1 ms, and no file stays open in a fork.
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": wait})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A writer takes the lock at once, so that no read inside it is overtaken.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
