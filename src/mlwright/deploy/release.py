"""The verbs: deploy, promote, rollback, stop; and what reads: plan, status, environments.

Each writes what is wanted into the database and lets the environment's supervisor do it. A verb
that finds no supervisor starts one, which takes over from a dead one.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Mapping
from typing import Any, Unpack

from mlwright.core.errors import (
    GateFailed,
    MlwrightError,
    UserError,
)
from mlwright.core.workspace import Workspace

from . import changes, launch, processes, releases
from .begin import back, begin, same
from .outcome import settle_all
from .planning import Plan, plan
from .status import Status, status, supervisor_file
from .targets import TARGETS, Place
from .waiting import wait, wait_answering
from .wanted import Choices

__all__ = [
    "Plan",
    "Status",
    "deploy",
    "environments",
    "plan",
    "promote",
    "resume",
    "rollback",
    "status",
    "stop",
    "stop_all",
]

Say = Callable[[str], None]
TIMEOUT = 600.0
_STOPPING = 30.0
_STARTING = 60.0


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
    extra: Mapping[str, Any] | None = None,
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
        extra: is kept in the options of a release that begins.
        choices: `platform, strategy, canary_percentage, steps, guards, interval, port, workers,
            auto_scaling, recorded`; None or absent takes the settings of the environment.

    Returns:
        The status, whose `outcome` is live, rolled_back or failed, or the state it is in.

    Raises:
        NotFound: no such model or version.
        BundleError: its bundle is damaged.
        ConfigError: a choice is wrong, or the environment answers with another model.
        Busy: the port is in use, or another release or deployer is at work there.
        GateFailed: it did not go live in the environment that has to be first.
    """
    workspace.environment(environment)  # a name that cannot be one is refused before all else
    _first(workspace, model, environment, who, timeout, say, choices)
    with workspace.lock(f"environment {environment}", f"deploy {model}"):
        planned = plan(workspace, model, environment, **choices)
        release = same(workspace, planned)
        if release is None:
            release = begin(workspace, planned, who or _user(), say, extra or {})
        else:
            with workspace.state.write() as connection:
                launch.resize(connection, planned)
            launch.ensure(workspace, environment)
        return wait(workspace, release, 0.0 if detach else timeout, say)


def resume(
    workspace: Workspace, environment: str, *, timeout: float = TIMEOUT, say: Say = _quiet
) -> Status:
    """Go on with what an environment is to do, after a crash or a reboot, and wait for it.

    Nothing is decided anew: what was begun is brought to its end, and what answered answers again.

    Raises:
        NotFound: nothing was ever deployed there.
        UserError: it was stopped by a person, or by its first release that failed.
    """
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, environment)
        release = releases.current(connection, environment)
    if there.wanted == "stopped" or release is None:
        raise UserError(
            f"{environment} is stopped: there is nothing to go on with",
            hint=f"mlwright deploy MODEL {environment} starts it",
        )
    with workspace.lock(f"environment {environment}", "resume"):
        launch.ensure(workspace, environment)
        if release.under_way:
            return wait(workspace, release, timeout, say)
        return wait_answering(workspace, environment, min(timeout, _STARTING))


def promote(
    workspace: Workspace,
    environment: str,
    *,
    why: str = "",
    timeout: float = TIMEOUT,
    say: Say = _quiet,
) -> Status:
    """Give the new version of a rollout under way all traffic, whatever the evidence.

    `why` is written into the history.

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
        changes.ask(connection, release, "promote", _user(), why)
    launch.ensure(workspace, environment)
    return wait(workspace, release, timeout, say, asked=True)


def rollback(
    workspace: Workspace,
    environment: str,
    *,
    to: int | None = None,
    why: str = "",
    timeout: float = TIMEOUT,
    say: Say = _quiet,
) -> Status:
    """Take a rollout back, or return a whole environment to its previous version.

    Args:
        workspace: where the environment is kept.
        environment: its name.
        to: the version to return to, when no rollout is under way; by default the previous one.
        why: is written into the history.
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
            changes.ask(connection, release, "rollback", _user(), why)
    if release is None:
        with workspace.lock(f"environment {environment}", "rollback"):
            release = back(workspace, environment, to, who=_user(), why=why, say=say)
            launch.ensure(workspace, environment)
            return wait(workspace, release, timeout, say)
    launch.ensure(workspace, environment)
    return wait(workspace, release, timeout, say, asked=True)


def stop(workspace: Workspace, environment: str) -> Status:
    """Stop an environment and return when no process of it is left.

    Raises:
        NotFound: no such environment.
    """
    settle_all(workspace, environment)  # what went live holds the alias, also once it is stopped
    with workspace.state.write() as connection:
        there = releases.known_environment(connection, environment)
        changes.stop(connection, environment)
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
    """Stop every environment and return the names of those that were running.

    Raises:
        MlwrightError: some cannot be stopped; the others are.
    """
    stopped, failed = [], []
    for name in environments(workspace):
        try:
            running = status(workspace, name).supervisor != "stopped"
            stop(workspace, name)
        except MlwrightError as exc:
            failed.append(f"{name}: {exc}")
        else:
            stopped += [name] * running
    if failed:
        raise MlwrightError(
            f"not stopped: {'; '.join(failed)}", hint=f"stopped: {', '.join(stopped) or 'none'}"
        )
    return stopped


def environments(workspace: Workspace) -> list[str]:
    """Return the names of all environments, sorted."""
    with workspace.state.read() as connection:
        return releases.environment_names(connection)


def _first(
    workspace: Workspace,
    model: str,
    environment: str,
    who: str | None,
    timeout: float,
    say: Say,
    choices: Choices,
) -> None:
    """Let a version go live in the environment that has to be first, where one is named."""
    planned = plan(workspace, model, environment, **choices)
    if planned.first is None:
        return
    say(f"{planned.version} goes to {planned.first} first")
    there = deploy(
        workspace,
        str(planned.version),
        planned.first,
        who=who,
        timeout=timeout,
        say=say,
        strategy="all_at_once",
    )
    if there.outcome != "live":
        raise GateFailed(
            f"{planned.version} did not go live in {planned.first}, which is before {environment}: "
            f"{there.reason or there.outcome}",
            hint=f"mlwright status {planned.first}",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
