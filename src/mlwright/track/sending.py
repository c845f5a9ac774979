"""The trackers are told while a command works, by a process beside it.

To import MLflow and to open its store takes as long as many a training. `sending` starts a process
that sends what comes into the outbox, and at the end waits only for what is left. That process
outlives a command that is killed: it then marks the command's runs as killed, and tells those too.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlwright.core.errors import UserError
from mlwright.core.workspace import Workspace
from mlwright.track import mirror, outbox, runs
from mlwright.track.mirror import Flushed

Say = Callable[[str], None]

_END = b"end\n"
_LOG = "sending.log"
_LOOK = 0.2
"""Seconds between looks into the outbox."""
_PATIENCE = 15.0
"""Seconds that another process may take which is sending."""
_BURIAL = 5.0
"""Seconds in which a process whose pipe has broken is gone."""


class Told:
    """What became of the messages, once the block has ended."""

    flushed = Flushed(0, 0, None)


@contextlib.contextmanager
def sending(workspace: Workspace, *, say: Say = lambda _: None) -> Iterator[Told]:
    """Tell the trackers during the block, and of the rest at its end; never raises for a tracker.

    Args:
        workspace: whose outbox it is.
        say: takes a line of what was refused or has to wait.

    Raises:
        UserError: the workspace's folder cannot be written to.
    """
    told = Told()
    process = _start(workspace)
    try:
        yield told
    finally:
        told.flushed = _finish(process, workspace, say)


def _start(workspace: Workspace) -> subprocess.Popen[bytes]:
    try:
        log = (workspace.folder / _LOG).open("wb")
    except OSError as exc:
        raise UserError(
            f"the workspace {workspace.folder} cannot be used: {exc.strerror}",
            hint="make room on the disk, and make the folder writable",
        ) from exc
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(workspace.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # an interrupt of ours is not its own
        )


def _finish(process: subprocess.Popen[bytes], workspace: Workspace, say: Say) -> Flushed:
    waiting = len(outbox.waiting(workspace))
    if not waiting:
        process.kill()
        process.communicate()
        return Flushed(0, 0, None)
    answer, _ = process.communicate(_END)
    try:
        found = json.loads(answer)
    except ValueError:
        log = workspace.folder / _LOG
        found = {"error": f"the process that tells the tracker has died, see {log}"}
    if "error" in found:
        say(f"{waiting} messages wait for the tracker: {found['error']}")
        return Flushed(0, waiting, found["error"])
    for line in found["said"]:
        say(line)
    return Flushed(**found["flushed"])


def main() -> None:
    """Send what comes into a workspace's outbox until standard input says or shows the end."""
    workspace = Workspace(Path(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a tracker's library prints is no answer
    command = os.getppid()
    mirror.prepare(workspace)
    try:
        answer = _tell(workspace, command)
    except UserError as exc:  # the workspace cannot be used, as on a full disk
        answer = {"error": str(exc)}
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(answer), file=answers, flush=True)


def _tell(workspace: Workspace, command: int) -> dict[str, Any]:
    """Send until the end, then what is left, and return what became of it."""
    answering = True
    while not select.select([0], [], [], _LOOK)[0]:
        if answering and outbox.waiting(workspace):
            found = mirror.flush(workspace, wandb=False)
            answering = found.held or not found.pending  # else what is left waits for the end
    if os.read(0, len(_END)) != _END:
        _bury(workspace, command)
    said: list[str] = []
    flushed = _flush(workspace, said.append)
    return {"flushed": asdict(flushed), "said": said}


def _bury(workspace: Workspace, command: int) -> None:
    """Mark the runs of a command that ended without a word, once it is gone."""
    until = time.monotonic() + _BURIAL
    while os.getppid() == command and time.monotonic() < until:
        time.sleep(_LOOK / 10)
    runs.mark_dead(workspace)


def _flush(workspace: Workspace, say: Say) -> Flushed:
    """Send all that is left, when another process that sends has ended."""
    until = time.monotonic() + _PATIENCE
    while (found := mirror.flush(workspace, say=say)).held and time.monotonic() < until:
        time.sleep(_LOOK)
    return found


if __name__ == "__main__":
    main()
