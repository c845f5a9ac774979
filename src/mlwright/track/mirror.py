"""The mirrors: MLflow holds runs, versions and aliases; Weights & Biases, where named, runs too.

The workspace's database is the truth. Whatever changes in it leaves messages in the outbox in the
same transaction; `flush` sends them in order, each tracker its own, as soon as it answers.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.config import reveal
from mlwright.core.errors import Busy, ConfigError, MissingExtra, NotFound, RemoteError
from mlwright.core.workspace import Workspace
from mlwright.track import outbox, wandb_process
from mlwright.track.outbox import Refused, run_of

if TYPE_CHECKING:
    from mlwright.track.mlflow_mirror import Mirror

BEGUN = "begun"
"""The kind of message that the start of a run leaves."""

MLFLOW_ID = "mlflow_run"
"""The tag of a run's row that holds the id of the run in MLflow."""

_UNREACHABLE = (RemoteError, MissingExtra, ConfigError)  # the last: a token that is not set


@dataclass(frozen=True, slots=True)
class Flushed:
    """How many messages were sent, how many wait, and why the first of them does."""

    sent: int
    pending: int
    error: str | None
    held: bool = False
    """Another process was sending."""

    def __add__(self, other: Flushed) -> Flushed:
        """Return both trackers' counts together."""
        error = self.error or other.error
        return Flushed(self.sent + other.sent, self.pending + other.pending, error)


def uri(workspace: Workspace) -> str:
    """Return the tracker's address: the configured one, or SQLite in the workspace."""
    return workspace.settings.tracking.uri or f"sqlite:///{workspace.folder / 'mlflow.db'}"


def ui_command(workspace: Workspace) -> str:
    """Return the command that shows the runs in a browser."""
    return f"mlflow ui --backend-store-uri {shlex.quote(uri(workspace))}"


def kinds(workspace: Workspace) -> tuple[str, ...]:
    """Return the kinds of message that the end of a run leaves: one a tracker."""
    return ("run", wandb_process.KIND) if workspace.settings.tracking.wandb else ("run",)


def prepare(workspace: Workspace) -> None:
    """Load what sending takes, which needs a second, before there is anything to send."""
    with contextlib.suppress(*_UNREACHABLE):
        _open(workspace).load()


def flush(
    workspace: Workspace, *, wandb: bool = True, say: Callable[[str], None] = lambda _: None
) -> Flushed:
    """Send what waits in the outbox, oldest first.

    A tracker that cannot be asked keeps its messages and stops no other; a message that a tracker
    refuses stays, with the reason, and the ones behind it are sent. Never raises for either.

    Args:
        workspace: whose outbox it is.
        wandb: also what Weights & Biases is to be told, which starts a process.
        say: takes a line of what was refused or has to wait.
    """
    try:
        with workspace.lock("tracker", "sending runs and versions to the tracker"):
            messages = outbox.waiting(workspace)
            own = [m for m in messages if m.kind == wandb_process.KIND]
            rest = [m for m in messages if m.kind != wandb_process.KIND]
            found = _send(workspace, _to_mlflow, rest, say)
            return found + _send(workspace, wandb_process.send, own if wandb else [], say)
    except Busy as exc:
        return Flushed(0, len(outbox.waiting(workspace)), str(exc), held=True)


def fetch(workspace: Workspace, address: str, folder: Path) -> Path:
    """Copy a model out of MLflow: `models:/churn@champion`, `runs:/ID/model`.

    Raises:
        NotFound: MLflow has no such model.
        RemoteError: MLflow does not answer.
        MissingExtra: MLflow is not installed.
    """
    from mlwright.data.remote import shown

    try:
        return _open(workspace).fetch(address, folder)
    except Refused as exc:
        raise NotFound(
            f"{address}: {exc}", hint=f"looked in {shown(uri(workspace))}; see tracking.uri"
        ) from exc


def _send(
    workspace: Workspace, send: outbox.Send, messages: list[Any], say: Callable[[str], None]
) -> Flushed:
    """Send messages to one tracker, and note of each what became of it."""
    sent = told = 0
    error: str | None = None
    try:
        for refused in send(workspace, messages):
            message = messages[told]
            told += 1
            if refused is None:
                outbox.done(workspace, message.id)
                sent += 1
                continue
            outbox.keep(workspace, message.id, str(refused))
            error = error or str(refused)
            say(f"the tracker refused a {_WORDS.get(message.kind, message.kind)}: {refused}")
    except _UNREACHABLE as exc:
        outbox.keep(workspace, messages[told].id, str(exc))
        say(f"{len(messages) - sent} messages wait for the tracker: {exc}")
        return Flushed(sent, len(messages) - sent, str(exc))
    return Flushed(sent, len(messages) - sent, error)


_WORDS = {wandb_process.KIND: "run", BEGUN: "run"}


def _to_mlflow(workspace: Workspace, messages: list[Any]) -> Iterator[Refused | None]:
    if not messages:
        return
    mirror = _open(workspace)
    yield from outbox.one_by_one(
        lambda message: _SEND[message.kind](workspace, mirror, message.payload), messages
    )


def _open(workspace: Workspace) -> Mirror:
    from mlwright.core.backends import require

    require("mlflow", extra="train", needed_by="tracking")
    from mlwright.track.mlflow_mirror import Mirror

    settings = workspace.settings.tracking
    artifacts = None if settings.uri else (workspace.folder / "mlruns").as_uri()
    token = reveal(settings.token) if settings.token else None
    return Mirror(uri(workspace), artifacts=artifacts, token=token)


def _send_begun(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    if run_of(workspace, payload["run"])["ended"] is None:  # else its end, told next, is all
        _known_to_mlflow(workspace, mirror, payload["run"])


def _send_run(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    known = _known_to_mlflow(workspace, mirror, payload["run"])
    mirror.end_run(known, run_of(workspace, payload["run"]), payload["files"])


def _send_version(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    run = payload["run"] and _known_to_mlflow(workspace, mirror, payload["run"])
    folder = workspace.bundles / payload["bundle"]
    mirror.add_version(payload["model"], payload["version"], folder, run)


def _send_alias(workspace: Workspace, mirror: Mirror, payload: dict[str, Any]) -> None:
    # A message that was refused is sent again after later ones: only where it points now counts.
    if _points_to(workspace, payload["model"], payload["alias"]) == payload["version"]:
        mirror.set_alias(payload["model"], payload["alias"], payload["version"])


_SEND: dict[str, Callable[[Workspace, Mirror, dict[str, Any]], None]] = {
    BEGUN: _send_begun,
    "run": _send_run,
    "version": _send_version,
    "alias": _send_alias,
}


def _known_to_mlflow(workspace: Workspace, mirror: Mirror, run_id: str) -> str:
    """Return the run's id in MLflow; the run, and first its parent, are made there if need be."""
    run = run_of(workspace, run_id)
    if MLFLOW_ID in run["tags"]:
        return str(run["tags"][MLFLOW_ID])
    parent = run["parent"] and _known_to_mlflow(workspace, mirror, run["parent"])
    known = mirror.find_run(run) or mirror.create_run(run, parent)
    _set_id(workspace, run_id, known)
    return known


def _points_to(workspace: Workspace, model: str, alias: str) -> int | None:
    from sqlalchemy import select

    from mlwright.core.state import aliases

    this = (aliases.c.model == model) & (aliases.c.alias == alias)
    with workspace.state.read() as connection:
        return connection.execute(select(aliases.c.version).where(this)).scalar_one_or_none()


def _set_id(workspace: Workspace, run_id: str, known: str) -> None:
    from sqlalchemy import select, update

    from mlwright.core.state import runs

    this = runs.c.id == run_id
    with workspace.state.write() as connection:
        tags = connection.execute(select(runs.c.tags).where(this)).scalar_one()
        connection.execute(update(runs).where(this).values(tags={**tags, MLFLOW_ID: known}))
