"""The outbox: what the trackers are still to be told, kept in the workspace's database.

Whatever changes there leaves its messages in the same transaction, so that none is ever lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mlwright.core.errors import RemoteError
from mlwright.core.workspace import Workspace

Send = Callable[[Workspace, list[Any]], Iterator["Refused | None"]]
"""Sends messages in order, and gives for each None, or why the tracker does not take it."""


class Refused(RemoteError):
    """The tracker answers, and does not take this message."""


def waiting(workspace: Workspace) -> list[Any]:
    """Return the messages that wait, oldest first: `id`, `kind` and `payload` of each."""
    from sqlalchemy import select

    from mlwright.core.state import outbox

    with workspace.state.read() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.id)).all())


def done(workspace: Workspace, message: int) -> None:
    """Forget a message that was sent."""
    from sqlalchemy import delete

    from mlwright.core.state import outbox

    with workspace.state.write() as connection:
        connection.execute(delete(outbox).where(outbox.c.id == message))


def keep(workspace: Workspace, message: int, error: str) -> None:
    """Note why a message waits."""
    from sqlalchemy import update

    from mlwright.core.state import outbox

    with workspace.state.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == message).values(error=error))


def run_of(workspace: Workspace, run_id: str) -> dict[str, Any]:
    """Return a run's row.

    Raises:
        Refused: it is not there.
    """
    from sqlalchemy import select

    from mlwright.core.state import runs

    with workspace.state.read() as connection:
        found = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if found is None:
        raise Refused(f"the workspace has no run {run_id}")
    return dict(found)


def one_by_one(send: Callable[[Any], None], messages: Iterable[Any]) -> Iterator[Refused | None]:
    """Send messages each by its own call, and give what became of each."""
    for message in messages:
        try:
            send(message)
        except Refused as exc:
            yield exc
        else:
            yield None
