"""The verbs: deploy, promote, rollback, stop; and what reads: plan, status, environments.

Each writes what is wanted into the database and lets the environment's supervisor do it. A verb
that finds no supervisor starts one, which takes over from a dead one.
"""

from __future__ import annotations

import asyncio
import getpass
import secrets
from collections.abc import Callable
from typing import Unpack

from mlwright.core import clock
from mlwright.core.errors import Busy, NotFound, RemoteError, UserError
from mlwright.core.workspace import Workspace

from . import launch, processes, releases
from .outcome import settle_all
from .planning import Choices, Plan, deployable, plan
from .releases import Release
from .status import Status, status, supervisor_file
from .targets import TARGETS, Place
from .waiting import wait

__all__ = [
    "Plan",
    "Status",
    "deploy",
    "environments",
    "plan",
    "promote",
    "rollback",
    "status",
    "stop",
    "stop_all",
]

Say = Callable[[str], None]
TIMEOUT = 600.0
_STOPPING = 30.0


def _quiet(_line: str) -> None:
    pass


def deploy(
    workspace: Workspace,
    model: str,
    environment: str,
    *,
    detach: bool = False,
    who: str | None = None,
    timeout: float = TIMEOUT,
    say: Say = _quiet,
    **choices: Unpack[Choices],
) -> Status:
    """Bring a model version into an environment and return at its outcome.

    Args:
        workspace: where model and environment are kept.
        model: a MODEL: `name`, `name:N`, `name@alias`, or the folder of a registered bundle.
        environment: its name; made when it is new.
        detach: return as soon as the supervisor has it.
        who: is written into the history; by default the user's name.
        timeout: seconds to wait; a release that is still under way then goes on without us.
        say: takes a line for each thing that happens.
        choices: `platform, strategy, canary_percentage, steps, guards, port, workers`; what is
            None or absent is taken from the settings of the environment.

    Returns:
        The status, whose `outcome` is live, rolled_back or failed, or the state it is in.

    Raises:
        NotFound: no such model or version.
        BundleError: its bundle is damaged.
        ConfigError: a choice is wrong, or the environment answers with another model.
        Busy: the port is in use, or another release or deployer is at work there.
    """
    workspace.environment(environment)  # a name that cannot be one is refused before all else
    with workspace.lock(f"environment {environment}", f"deploy {model}"):
        planned = plan(workspace, model, environment, **choices)
        release = _resume(workspace, planned)
        if release is None:
            release = _begin(workspace, planned, who or _user(), say)
        else:
            launch.ensure(workspace, environment)
        return wait(workspace, release, 0.0 if detach else timeout, say)


def promote(
    workspace: Workspace, environment: str, *, timeout: float = TIMEOUT, say: Say = _quiet
) -> Status:
    """Give the new version of a rollout under way all traffic, whatever the evidence.

    Raises:
        NotFound: no such environment.
        UserError: no rollout is under way there.
    """
    with workspace.state.write() as connection:
        releases.known_environment(connection, environment)
        release = releases.under_way(connection, environment)
        if release is None:
            raise UserError(
                f"no rollout is under way in {environment}",
                hint=f"mlwright deploy MODEL {environment} --strategy canary begins one",
            )
        releases.ask(connection, release, "promote", _user())
    launch.ensure(workspace, environment)
    return wait(workspace, release, timeout, say)


def rollback(
    workspace: Workspace,
    environment: str,
    *,
    to: int | None = None,
    timeout: float = TIMEOUT,
    say: Say = _quiet,
) -> Status:
    """Take a rollout back, or return a whole environment to its previous version.

    Args:
        workspace: where the environment is kept.
        environment: its name.
        to: the version to return to, when no rollout is under way; by default the previous one.
        timeout: seconds to wait.
        say: takes a line for each thing that happens.

    Raises:
        NotFound: no such environment or version, or no version before.
        UserError: nothing answers there, or a rollout is under way and `to` was given.
    """
    with workspace.state.write() as connection:
        releases.known_environment(connection, environment)
        release = releases.under_way(connection, environment)
        if release and to not in (None, release.replaces):
            raise UserError(
                f"{release.ref} is being rolled out in {environment}: only that can be taken back",
                hint=f"mlwright rollback {environment}, and then again with --to",
            )
        if release:
            releases.ask(connection, release, "rollback", _user())
    if release is None:
        with workspace.lock(f"environment {environment}", "rollback"):
            release = _return(workspace, environment, to)
            launch.ensure(workspace, environment)
            return wait(workspace, release, timeout, say)
    launch.ensure(workspace, environment)
    return wait(workspace, release, timeout, say)


def stop(workspace: Workspace, environment: str) -> Status:
    """Stop an environment and return when no process of it is left.

    Raises:
        NotFound: no such environment.
    """
    settle_all(workspace, environment)  # what went live holds the alias, also once it is stopped
    with workspace.state.write() as connection:
        there = releases.known_environment(connection, environment)
        releases.stop(connection, environment)
    folder = workspace.environment(environment)
    supervisor = supervisor_file(folder)
    if not processes.wait_until(lambda: processes.living(supervisor) is None, _STOPPING):
        processes.end([supervisor], grace=0.0)
    # A supervisor that was killed has left its workers.
    target = TARGETS.load(there.platform)(Place(environment, there.model or "", folder))
    asyncio.run(target.delete())
    supervisor.unlink(missing_ok=True)
    return status(workspace, environment)


def stop_all(workspace: Workspace) -> list[str]:
    """Stop every environment and return the names of those that were running."""
    stopped = []
    for name in environments(workspace):
        if status(workspace, name).supervisor != "stopped":
            stopped.append(name)
        stop(workspace, name)
    return stopped


def environments(workspace: Workspace) -> list[str]:
    """Return the names of all environments, sorted."""
    with workspace.state.read() as connection:
        return releases.environment_names(connection)


def _resume(workspace: Workspace, planned: Plan) -> Release | None:
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


def _begin(workspace: Workspace, planned: Plan, who: str, say: Say) -> Release:
    asked, name, live = planned.wanted, planned.environment, planned.live
    door = launch.door(workspace, name, asked.host, asked.port)
    options = {"steps": list(asked.steps), "guards": asked.guards, "salt": secrets.token_hex(8)}
    with workspace.state.write() as connection:
        launch.write_environment(connection, planned, door)
        release = releases.create(
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
                releases.end(connection, release, "failed", "the supervisor did not start")
            raise
    return release


def _return(workspace: Workspace, environment: str, to: int | None) -> Release:
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
    deployable(workspace, f"{live.model}:{target}")
    if target == live.version:
        return live
    with workspace.state.write() as connection:
        if begun := releases.under_way(connection, environment):
            raise Busy(
                f"{begun.ref} began to be rolled out in {environment} meanwhile",
                hint=f"mlwright rollback {environment} takes it back",
            )
        return releases.create(
            connection,
            environment,
            model=live.model,
            version=target,
            replaces=live.version,
            strategy="all_at_once",
            options={"steps": [100.0], "guards": {}, "salt": "", "undoes": live.id},
            who=_user(),
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
