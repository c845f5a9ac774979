"""Which version answers in an environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.manifest import MANIFEST
from mlwright.bundle.trust import Trust
from mlwright.core.errors import NotFound, did_you_mean
from mlwright.core.settings import Log
from mlwright.core.workspace import Workspace
from mlwright.track.models import resolve


@dataclass(frozen=True, slots=True)
class Live:
    """The version that answers, its bundle, and the folder where its answers are logged."""

    model: str
    version: int
    bundle: Bundle
    log: Path


def live(workspace: Workspace, environment: str) -> Live:
    """Return what answers in an environment.

    Raises:
        NotFound: there is no such environment, or nothing was deployed there yet.
        BundleError: the version's bundle is damaged.
    """
    model, version = _wanted(workspace, environment)
    found = resolve(workspace, f"{model}:{version}")
    bundle = Bundle.open(found.bundle, trust=Trust.of(workspace.settings.trust))
    return Live(model, version, bundle, log_of(workspace, environment))


def serves_index(workspace: Workspace, environment: str) -> bool:
    """Say whether questions are answered there, from an index of documents.

    Raises:
        NotFound: there is no such environment, or nothing was deployed there yet.
    """
    model, version = _wanted(workspace, environment)
    try:
        facts = json.loads(
            (resolve(workspace, f"{model}:{version}").bundle / MANIFEST).read_bytes()
        )
    except (OSError, ValueError):
        return False  # whoever opens the bundle says what is wrong with it
    return bool(facts.get("kind") == "rag")


def log_of(workspace: Workspace, environment: str) -> Path:
    """Return the folder of an environment's predictions, labels and outcomes."""
    return workspace.environment(environment) / "log"


def hidden_columns(answering: Live, settings: Log) -> tuple[str, ...]:
    """Return the columns of which the log keeps nothing, or a hash."""
    hidden = {*settings.leave_out, *settings.hash}
    return tuple(name for name in answering.bundle.signature.names if name in hidden)


def _wanted(workspace: Workspace, environment: str) -> tuple[str, int]:
    from sqlalchemy import select

    from mlwright.core.state import environments

    with workspace.state.read() as connection:
        rows = {row.name: row for row in connection.execute(select(environments))}
    row = rows.get(environment)
    if row is None:
        known = ", ".join(sorted(rows))
        raise NotFound(
            f"no environment named {environment!r}{did_you_mean(environment, rows)}",
            hint=f"known: {known}" if known else "mlwright deploy MODEL ENVIRONMENT makes one",
        )
    if row.model is None or row.version is None:
        raise NotFound(
            f"nothing answers in {environment} yet",
            hint=f"mlwright deploy MODEL {environment}, or mlwright status {environment}",
        )
    return row.model, row.version
