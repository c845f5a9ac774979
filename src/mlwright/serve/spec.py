"""What a worker is started with; whoever starts one need not load a model for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import ConfigError

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace

BODY = 10 * 1024 * 1024
"""Bytes that a body may have, where nothing else is said."""

IDLE = 0.5
GRACE = 30.0


class LogPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a row, and what must be true before an answer leaves.

    `leave_out` and `hash` name columns. Where the log is `required`, an answer that cannot be
    logged is a 503; else it leaves, and is counted. `sync` says when the disk itself has it:
    `always` before the answer, `interval` within a second.
    """

    leave_out: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    policy: Literal["required", "best-effort"] = "required"
    sync: Literal["interval", "always"] = "interval"


def log_policy(workspace: Workspace | None) -> LogPolicy:
    """Return what `mlwright.yaml` says about the log; without a workspace, the default."""
    if workspace is None:
        return LogPolicy()
    return msgspec.convert(workspace.settings.log.model_dump(), LogPolicy)


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a certificate chain and of its private key, PEM."""

    certificate: str
    key: str


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may ask, over what, and how many bytes a request may have; `api_keys` are references."""

    api_keys: tuple[str, ...] = ()
    tls: Tls | None = None
    max_body: int = BODY


class WorkerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker is started with. `tied` ends it when its parent has died.

    It listens on an inherited socket, `listen_fd`, or on the one that is handed over at the path
    `listen_from`, also into a container, which needs no network of its own for it.
    With `admin_fd`, another inherited socket, /metrics is there and not on the public one.
    `api_keys` are names of environment variables: secrets are written in no file. `grpc` is the
    address for gRPC, which all workers of a server share; without it there is none. `options` are
    for an application of another kind than a model.
    """

    bundle: str
    model: str
    version: int
    environment: str
    log_folder: str
    socket: str
    pid_file: str
    listen_fd: int | None = None
    listen_from: str = ""
    parent_pid: int | None = None
    accept: bool = False
    tied: bool = False
    admin_fd: int | None = None
    api_keys: tuple[str, ...] = ()
    max_body: int = BODY
    log: LogPolicy = LogPolicy()
    trust: Trust = NOTHING
    tls: Tls | None = None
    grpc: str = ""
    options: dict[str, str] = {}


def read_spec(path: Path) -> WorkerSpec:
    """Read a worker's spec.

    Raises:
        ConfigError: it cannot be read, or says what a spec does not.
    """
    try:
        return as_spec(path.read_bytes(), str(path))
    except OSError as exc:
        raise ConfigError(f"{path}: not a worker's spec: {exc}") from exc


def as_spec(text: bytes, source: str) -> WorkerSpec:
    """Return the spec that a text is; `source` is where it came from.

    Raises:
        ConfigError: it says what a spec does not.
    """
    try:
        return msgspec.json.decode(text, type=WorkerSpec)
    except msgspec.DecodeError as exc:
        raise ConfigError(f"{source}: not a worker's spec: {exc}") from exc
