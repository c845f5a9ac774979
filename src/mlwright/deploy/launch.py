"""How an environment's supervisor is started, and its listening socket opened before that.

The socket is bound by the caller and inherited, so that a port in use is told to the user before
anything was written or started.
"""

from __future__ import annotations

import sys
from pathlib import Path
from socket import socket

from sqlalchemy import Connection

from mlwright.core.errors import Busy, RemoteError, UserError
from mlwright.core.workspace import Workspace

from . import processes, releases
from .planning import Plan
from .releases import Environment
from .status import alive, supervisor_file

_PATIENCE = 30.0


def door(workspace: Workspace, environment: str, host: str, port: int) -> socket | None:
    """Return a listening socket for a new supervisor, or None when the old one lives.

    An environment that runs keeps its address. One that was stopped comes back to its port
    where it asks for none and that one is free.

    Raises:
        Busy: the port is in use, or the old supervisor does not end though it should.
    """
    folder = workspace.environment(environment)
    with workspace.state.read() as connection:
        there = releases.environment(connection, environment)
    if not _ended(supervisor_file(folder), wait=bool(there and there.wanted == "stopped")):
        if there and there.wanted == "stopped":
            raise Busy(f"{environment} is still being stopped", hint="try again in a moment")
        return None
    if there and there.wanted == "running":
        address = (there.settings["host"], there.settings["port"])
        return processes.listen(*address, shared=bool(alive(folder)))
    last = there.settings["port"] if there and port == 0 else 0
    try:
        return processes.listen(host, port or last)
    except Busy:
        if port:
            raise
        return processes.listen(host, 0)


def _ended(supervisor: Path, *, wait: bool) -> bool:
    patience = _PATIENCE if wait else 0.0
    return processes.wait_until(lambda: processes.living(supervisor) is None, patience)


def write_environment(connection: Connection, planned: Plan, opened: socket | None) -> None:
    """Write where the environment listens, and that it is to run."""
    if opened is None:
        return
    asked, model = planned.wanted, planned.version.model
    host, port = opened.getsockname()[:2]
    there = releases.environment(connection, planned.environment)
    # What another model left here: its numbers mean nothing to this one.
    former = {} if there is None or there.model == model else {"version": None, "previous": None}
    releases.save_environment(
        connection,
        planned.environment,
        platform=asked.platform,
        wanted="running",
        settings={"host": host, "port": port, "workers": asked.workers},
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}",
        model=model,
        **former,
    )


def ensure(workspace: Workspace, environment: str) -> None:
    """Start a supervisor when none lives and one is wanted; it takes over what the last one left.

    Raises:
        Busy: the environment's port was taken meanwhile.
    """
    with workspace.state.read() as connection:
        there = releases.known_environment(connection, environment)
    if there.wanted == "stopped":
        return
    opened = door(workspace, environment, there.settings["host"], there.settings["port"])
    if opened is not None:
        start(workspace, environment, opened)


def start(workspace: Workspace, environment: str, opened: socket) -> None:
    """Start a supervisor and return when it holds its pid file.

    Raises:
        RemoteError: it ended at once.
    """
    folder = workspace.environment(environment)
    module = "mlwright.deploy.supervisor"
    descriptor = opened.fileno()
    process = processes.detach(
        [sys.executable, "-m", module, str(workspace.root), environment, str(descriptor)],
        log=folder / "run" / "supervisor.log",
        folder=workspace.root,
        keep=[descriptor],
    )
    opened.close()
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
