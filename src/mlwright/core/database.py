"""The workspace's database: how it is opened, read, written and migrated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
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
from .state import MIGRATIONS, meta, metadata


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
                found = connection.execute(select(meta.c.schema_version)).scalar()
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
        connection.execute(insert(meta).values(schema_version=current))
        return
    found = connection.execute(select(meta.c.schema_version)).scalar() or 0
    if found > current:
        raise UserError(
            f"the workspace {path.parent} was written by a newer mlwright "
            f"(schema {found}, this one knows {current})",
            hint="pip install --upgrade mlwright",
        )
    for statements in migrations[found - 1 :]:
        for statement in statements:
            connection.execute(text(statement))
    connection.execute(update(meta).values(schema_version=current))


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
