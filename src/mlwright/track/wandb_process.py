"""Runs told to Weights & Biases, by a process that is gone when the last is told.

W&B starts a service, keeps caches at home, and waits for a network for as long as it takes. In a
process of its own it has folders in the workspace, an end, and no way to delay a training: a run
that it did not take in time stays in the outbox. When ours dies, it ends too.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlwright.core.config import reveal
from mlwright.core.errors import MissingExtra, RemoteError
from mlwright.core.settings import Wandb
from mlwright.core.workspace import Workspace
from mlwright.track.outbox import Refused, run_of

KIND = "wandb_run"
"""Of the messages that are for W&B: a run that has ended."""

_HOME = "https://api.wandb.ai"
_MODULE = "mlwright.track.wandb_mirror"
_PATIENCE = 60.0
"""Seconds that starting, and then each run, may take."""
_REACH = 3.0
_FOLDERS = {"CACHE": "cache", "CONFIG": "config", "DATA": "data", "ARTIFACT": "staging"}


def send(workspace: Workspace, messages: list[Any]) -> Iterator[Refused | None]:
    """Tell W&B of the runs that ended, in one process for all of them.

    Raises:
        MissingExtra: wandb is not installed.
        RemoteError: it does not answer, or not in time; or the configuration names it no more.
        ConfigError: the token's environment variable is not set.
    """
    if not messages:
        return
    settings = workspace.settings.tracking.wandb
    if settings is None:
        raise RemoteError("tracking.wandb is no longer configured", hint="name it, to send these")
    _check_installed()
    mode = settings.mode or os.environ.get("WANDB_MODE") or "online"
    if mode == "online":
        _check_reachable(settings)
    folder = workspace.folder / "wandb"
    folder.mkdir(exist_ok=True)
    found = [_job(workspace, settings, message.payload) for message in messages]
    jobs = [job for job in found if not isinstance(job, Refused)]
    with _started(folder, settings, mode) as process:
        lines = _answers(process, jobs)
        for job in found:
            yield job if isinstance(job, Refused) else _outcome(next(lines))


def _outcome(answer: dict[str, Any]) -> Refused | None:
    error = answer.get("error")
    if error is None:
        return None
    if answer["refused"]:
        return Refused(error)
    raise RemoteError(error, hint="see tracking.wandb in mlwright.yaml, and `wandb login`")


def _check_installed() -> None:
    if find_spec("wandb") is None:
        raise MissingExtra(
            "tracking.wandb needs the package 'wandb', which is not installed",
            hint="pip install 'mlwright[wandb]'",
        )


def _check_reachable(settings: Wandb) -> None:
    """Ask for a connection before anything slow is begun; a proxy is left to answer for itself."""
    url = urlsplit(settings.url or os.environ.get("WANDB_BASE_URL") or _HOME)
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return
    port = url.port or (80 if url.scheme == "http" else 443)
    try:
        socket.create_connection((url.hostname or "", port), timeout=_REACH).close()
    except OSError as exc:
        raise RemoteError(
            f"W&B does not answer at {url.hostname}:{port}",
            hint="runs are kept; `mode: offline` in tracking.wandb writes them to files",
        ) from exc


def _job(workspace: Workspace, settings: Wandb, payload: dict[str, Any]) -> Any:
    """Return what W&B is to be told of a run, or that there is nothing to tell."""
    from mlwright.track.models import list_models

    try:
        run = run_of(workspace, payload["run"])
    except Refused as exc:
        return exc
    model = [
        {"name": v.model, "version": v.version, "aliases": v.aliases, "folder": str(v.bundle)}
        for v in list_models(workspace)
        if v.run == run["id"]
    ]
    return {
        "id": run["id"],
        "project": settings.project or run["experiment"],
        "entity": settings.entity,
        "group": run["parent"] or run["id"],
        **{key: run[key] for key in ("name", "status", "started", "params", "metrics", "tags")},
        "files": payload["files"],
        "models": model,
    }


@contextlib.contextmanager
def _started(folder: Path, settings: Wandb, mode: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "mlwright.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=_environment(folder, settings, mode),
            start_new_session=True,  # an interrupt of ours is not its own
        )
    try:
        yield process
    finally:
        _end(process)


def _environment(folder: Path, settings: Wandb, mode: str) -> dict[str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    found = {**os.environ, "WANDB_DIR": str(folder), "WANDB_MODE": mode}
    found |= {f"WANDB_{name}_DIR": str(folder / inner) for name, inner in _FOLDERS.items()}
    found |= {
        "TMPDIR": str(folder / "tmp"),
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
    }
    if settings.url:
        found["WANDB_BASE_URL"] = settings.url
    if settings.token:
        found["WANDB_API_KEY"] = reveal(settings.token)
    return found


def _answers(process: subprocess.Popen[bytes], jobs: list[Any]) -> Iterator[dict[str, Any]]:
    """Give each run to the process, and read what became of it."""
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        for job in jobs:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(job, default=str).encode() + b"\n")
                process.stdin.flush()
            heard = selector.select(_PATIENCE)
            line = process.stdout.readline() if heard else b""
            if not line:
                why = "ended without a word" if heard else f"took more than {_PATIENCE:.0f} seconds"
                raise RemoteError(
                    f"W&B's own process {why}", hint="see .mlwright/wandb/mlwright.log"
                )
            yield json.loads(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the process end by itself when it has told all, else end it and what it started."""
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    service = _children(process.pid)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REACH)
    process.kill()
    process.wait()
    process.stdout.close()
    for pid, began in service:
        _kill(pid, began)


def _children(parent: int) -> list[tuple[int, str]]:
    """Return the processes that one has started, each with the time of its birth."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, fields = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append((pid, fields[19]))
    return found


def _kill(pid: int, began: str) -> None:
    until = time.monotonic() + _REACH
    while time.monotonic() < until:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        if fields[19] != began or fields[0] == "Z":
            return
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
