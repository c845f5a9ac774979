"""`mlwright models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, measured, table

if TYPE_CHECKING:
    from mlwright.track.models import ModelVersion


@click.group()
def command() -> None:
    """List and show registered models."""


@command.command("list", cls=Command, example="mlwright models list")
@workspace_option
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List every version of every model, with its aliases."""
    from mlwright.core.clock import iso
    from mlwright.track.models import list_models

    found = list_models(find_workspace(folder))
    if as_json:
        emit({"models": [_facts(version) for version in found]})
        return
    rows = [
        [
            f"{v.model}:{v.version}",
            " ".join(f"@{a}" for a in v.aliases),
            iso(v.created),
            v.run or "",
        ]
        for v in found
    ]
    table(["model", "aliases", "made", "run"], rows)


@command.command(cls=Command, example="mlwright models show churn@champion")
@click.argument("model")
@workspace_option
@json_option
def show(model: str, folder: Path | None, as_json: bool) -> None:
    """Show one version: what it takes, how good it was, where it lies."""
    from mlwright.bundle.bundle import Bundle
    from mlwright.track.models import resolve

    version = resolve(find_workspace(folder), model)
    bundle = Bundle.open(version.bundle)
    value = {
        **_facts(version),
        "signature": bundle.signature.to_json(),
        "algorithm": bundle.algorithm,
        "threshold": bundle.threshold,
        "metrics": bundle.metrics,
    }
    if as_json:
        emit(value)
        return
    facts({key: value[key] for key in ("model", "version", "algorithm", "threshold", "bundle")})
    table(
        ["metric", "on the holdout"],
        [[name, measured(found)] for name, found in bundle.metrics.get("holdout", {}).items()],
    )
    click.echo(bundle.card)


def _facts(version: ModelVersion) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": version.version,
        "aliases": list(version.aliases),
        "run_id": version.run,
        "created": version.created,
        "bundle": str(version.bundle),
    }
