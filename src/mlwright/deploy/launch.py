"""How an environment's supervisor is started, and its listening socket opened before that.

The socket is bound by the caller and inherited, so that a port in use is told to the user before
anything was written or started.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from socket import socket
from typing import NamedTuple

from sqlalchemy import Connection

from mlwright.core.errors import Busy, ConfigError, RemoteError, UserError
from mlwright.core.workspace import Workspace
from mlwright.serve.handover import SUFFIX, received
from mlwright.serve.spec import Access, read_spec

from . import access, processes, releases
from .planning import Plan, scaled
from .releases import Environment
from .status import alive, living_workers, supervisor_file

_PATIENCE = 30.0


class Door(NamedTuple):
    """A listening socket; `inherited` from the workers that a dead supervisor left."""

    listener: socket
    inherited: bool = False


def door(
    workspace: Workspace, environment: str, host: str, port: int, asked: Access
) -> Door | None:
    """Return a listening socket for a new supervisor, or None when the old one lives.

    An environment that runs keeps its address. One that was stopped comes back to its port
    where it asks for none and that one is free.

    Raises:
        Busy: the port is in use, or the old supervisor does not end though it should.
        ConfigError: a key of those who may ask is not set, or the files for TLS are unfit.
    """
    folder = workspace.environment(environment)
    with workspace.state.read() as connection:
        there = releases.environment(connection, environment)
    if not _ended(supervisor_file(folder), wait=bool(there and there.wanted == "stopped")):
        if there and there.wanted == "stopped":
            raise Busy(f"{environment} is still being stopped", hint="try again in a moment")
        return None
    access.check(asked)
    if there and there.wanted == "running":
        if taken := _inherited(folder):
            return Door(taken, inherited=True)
        address = (there.settings["host"], there.settings["port"])
        return Door(processes.listen(*address, shared=bool(alive(folder))))
    last = there.settings["port"] if there and port == 0 else 0
    try:
        return Door(processes.listen(host, port or last))
    except Busy:
        if port:
            raise
        return Door(processes.listen(host, 0))


def _inherited(folder: Path) -> socket | None:
    """Return the socket on which the workers of a dead supervisor accept, from one of them."""
    for path in living_workers(folder):
        with contextlib.suppress(ConfigError):
            spec = read_spec(path.with_suffix(".json"))
            if taken := received(Path(spec.socket + SUFFIX)):
                return taken
    return None


def _ended(supervisor: Path, *, wait: bool) -> bool:
    patience = _PATIENCE if wait else 0.0
    return processes.wait_until(lambda: processes.living(supervisor) is None, patience)


def write_environment(connection: Connection, planned: Plan, opened: Door | None) -> None:
    """Write where the environment listens, and that it is to run."""
    if opened is None:
        resize(connection, planned)
        return
    asked, model = planned.wanted, planned.version.model
    host, port = opened.listener.getsockname()[:2]
    scheme = "http" if planned.access.tls is None else "https"
    there = releases.environment(connection, planned.environment)
    # What another model left here: its numbers mean nothing to this one.
    former = {} if there is None or there.model == model else {"version": None, "previous": None}
    releases.save_environment(
        connection,
        planned.environment,
        platform=asked.platform,
        wanted="running",
        settings={
            "host": host,
            "port": port,
            "workers": asked.workers,
            "auto_scaling": scaled(asked),
            "access": access.to_settings(planned.access),
        },
        url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}",
        model=model,
        **former,
    )


def resize(connection: Connection, planned: Plan) -> None:
    """Write another number of workers for an environment that runs, or other bounds for it."""
    there = releases.known_environment(connection, planned.environment)
    asked = planned.wanted
    settings = {**there.settings, "workers": asked.workers, "auto_scaling": scaled(asked)}
    if settings != there.settings:
        releases.save_environment(connection, planned.environment, settings=settings)


def ensure(workspace: Workspace, environment: str) -> None:
    """Start a supervisor when none lives and one is wanted; it takes over what the last one left.

    Raises:
        Busy: the environment's port was taken meanwhile.
    """
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, environment)
    if there.wanted == "stopped":
        return
    settings = there.settings
    opened = door(workspace, environment, settings["host"], settings["port"], access.kept(settings))
    if opened is not None:
        start(workspace, environment, opened)


def start(workspace: Workspace, environment: str, opened: Door) -> None:
    """Start a supervisor and return when it holds its pid file.

    Raises:
        RemoteError: it ended at once.
    """
    folder = workspace.environment(environment)
    module = "mlwright.deploy.supervisor"
    descriptor = opened.listener.fileno()
    arguments = [str(workspace.root), environment, str(descriptor)]
    process = processes.detach(
        [sys.executable, "-m", module, *arguments, *["inherited"] * opened.inherited],
        log=folder / "run" / "supervisor.log",
        folder=workspace.root,
        keep=[descriptor],
    )
    opened.listener.close()
    path = supervisor_file(folder)
    up = processes.wait_until(
        lambda: processes.living(path) is not None or process.returncode is not None, _PATIENCE
    )
    if not up or processes.living(path) is None:
        raise died(workspace, environment)


def died(workspace: Workspace, environment: str) -> RemoteError:
    """Return the error that says where a supervisor left its last words."""
    log = workspace.environment(environment) / "run" / "supervisor.log"
    return RemoteError(
        f"the supervisor of {environment} ended; workers that it left still answer",
        hint=f"{log} says why; deploying again takes over, mlwright stop {environment} ends all",
    )


def refuse_move(there: Environment, port: int | None) -> None:
    """Refuse another port than the one that a running environment answers on.

    Raises:
        UserError: another port was asked for.
    """
    if port and port != there.settings["port"]:
        raise UserError(
            f"{there.name} answers on port {there.settings['port']}, not on {port}",
            hint=f"mlwright stop {there.name} first, to move it",
        )
