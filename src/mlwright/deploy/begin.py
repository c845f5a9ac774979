"""How a release begins, or is found to have begun already."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from mlwright.core import clock
from mlwright.core.errors import Busy, NotFound, RemoteError, UserError
from mlwright.core.workspace import Workspace

from . import changes, launch, releases
from .planning import Plan, deployable
from .preparing import prepare
from .releases import Release

Say = Callable[[str], None]


def same(workspace: Workspace, planned: Plan) -> Release | None:
    """Return the release that does already what is planned: the same call twice is one effect.

    Raises:
        Busy: another one is under way.
    """
    with workspace.state.read() as connection:
        there = releases.environment(connection, planned.environment)
        found = releases.under_way(connection, planned.environment)
    if there is None or there.wanted == "stopped":
        return None
    launch.refuse_move(there, planned.wanted.port_flag)
    found = found or planned.live
    if found and found.version == planned.version.version and found.model == planned.version.model:
        return found
    if found and found.under_way:
        since = clock.iso(found.created)
        raise Busy(
            f"{found.ref} is being rolled out in {planned.environment} "
            f"(release {found.id}, by {found.who}, since {since})",
            hint=f"mlwright promote or rollback {planned.environment} ends it",
        )
    return None


def begin(
    workspace: Workspace, planned: Plan, who: str, say: Say, extra: Mapping[str, Any]
) -> Release:
    """Write a new release, and start the supervisor that brings it about.

    `extra` is kept in its options.

    Raises:
        Busy: the port is in use.
        RemoteError: the supervisor did not start, or what the platform needs cannot be made.
    """
    asked, name, live = planned.wanted, planned.environment, planned.live
    prepare(workspace, name, asked.platform, planned.version, say)
    door = launch.door(workspace, name, asked.host, asked.port, planned.access)
    options = {
        "steps": list(asked.steps),
        "guards": asked.guards,
        "interval": asked.interval,
        "recorded": dict(asked.recorded),
        "salt": secrets.token_hex(8),
        **extra,
    }
    with workspace.state.write() as connection:
        launch.write_environment(connection, planned, door)
        release = changes.create(
            connection,
            name,
            model=planned.version.model,
            version=planned.version.version,
            replaces=live.version if live else None,
            strategy=asked.strategy,
            options=options,
            who=who,
        )
    say(f"release {release.id}: {release.ref} in {name}, {asked.strategy}")
    if door is not None:
        try:
            launch.start(workspace, name, door)
        except RemoteError:
            with workspace.state.write() as connection:
                changes.end(connection, release, "failed", "the supervisor did not start")
            raise
    return release


def back(
    workspace: Workspace, environment: str, to: int | None, *, who: str, why: str, say: Say
) -> Release:
    """Write a release that takes the environment back."""
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, environment)
        live = releases.live(connection, environment)
        undoing = live is not None and "undoes" in live.options
    target = there.previous if to is None else to
    if live is None:
        raise UserError(
            f"nothing answers in {environment}", hint=f"mlwright deploy MODEL {environment}"
        )
    if undoing and to is None:
        raise UserError(
            f"{environment} was rolled back to {live.ref} before: what came before that is for "
            "you to name",
            hint=f"mlwright rollback {environment} --to VERSION",
        )
    if target is None:
        raise NotFound(
            f"{environment} has had no version before {live.ref}",
            hint=f"mlwright rollback {environment} --to VERSION names another",
        )
    version = deployable(workspace, f"{live.model}:{target}")
    if target == live.version:
        return live
    if target != there.previous:  # that one is warm, and ready at once
        prepare(workspace, environment, there.platform, version, say)
    with workspace.state.write() as connection:
        if begun := releases.under_way(connection, environment):
            raise Busy(
                f"{begun.ref} began to be rolled out in {environment} meanwhile",
                hint=f"mlwright rollback {environment} takes it back",
            )
        return changes.create(
            connection,
            environment,
            model=live.model,
            version=target,
            replaces=live.version,
            strategy="all_at_once",
            options={
                "steps": [100.0],
                "guards": {},
                "salt": "",
                "undoes": live.id,
                "why": why,
            },
            who=who,
        )
