"""`mlwright models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, measured, say, table

if TYPE_CHECKING:
    from mlwright.track.models import ModelVersion


@click.group()
def command() -> None:
    """List, show, promote and export registered models."""


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
    if bundle.kind == "rag":
        about = bundle.facts["index"]
        known = {key: about[key] for key in ("documents", "chunks", "embedder")}
        found = {**_facts(version), **known}
        emit(found) if as_json else facts(found)
        return
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


@command.command(cls=Command, example="mlwright models card churn")
@click.argument("model")
@workspace_option
def card(model: str, folder: Path | None) -> None:
    """Print the card of a version, Markdown."""
    from mlwright.bundle.bundle import Bundle
    from mlwright.track.models import resolve

    click.echo(Bundle.open(resolve(find_workspace(folder), model).bundle).card)


@command.command(cls=Command, example="mlwright models promote churn:3")
@click.argument("model")
@workspace_option
@json_option
def promote(model: str, folder: Path | None, as_json: bool) -> None:
    """Make a version the champion, which its name alone means from then on.

    What answers in an environment stays as it is: mlwright deploy changes that.
    """
    from mlwright.core.errors import ConfigError
    from mlwright.track.models import CHAMPION, champion, resolve, set_alias

    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    if not version.version or not {":", "@"} & set(model):
        raise ConfigError(
            f"{model!r} does not say which version",
            hint="mlwright models promote NAME:N; mlwright models list shows them",
        )
    before = champion(workspace, version.model)
    promoted = set_alias(workspace, version.model, CHAMPION, version.version)
    if as_json:
        emit({**_facts(promoted), "previous": before.version if before else None})
    else:
        after = f", after {before}" if before and before.version != promoted.version else ""
        click.echo(f"{promoted} is the champion{after}")


@command.command(cls=Command, example="mlwright models export churn --format onnx")
@click.argument("model")
@click.option(
    "--format",
    "form",
    required=True,
    help="onnx, torchscript, savedmodel, mlflow, jsonschema, proto, or docker.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File or folder to write.  [default: NAME-N with the format's ending, here]",
)
@workspace_option
@json_option
def export(model: str, form: str, output: Path | None, folder: Path | None, as_json: bool) -> None:
    """Write a version in a form that others read, preprocessing included where it can be.

    docker is a folder with a Dockerfile and all that it copies: the server with this model.
    """
    from mlwright.bundle.bundle import Bundle
    from mlwright.bundle.export import ENDINGS
    from mlwright.bundle.export import export as write
    from mlwright.bundle.trust import Trust
    from mlwright.track.models import resolve

    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    bundle = Bundle.open(version.bundle, trust=Trust.of(workspace.settings.trust))
    name = f"{version.model}-{version.version}" if version.version else version.model
    found = write(bundle, form, output or Path(f"{name}{ENDINGS.get(form, '')}"))
    if as_json:
        paths = [str(path) for path in found.paths]
        emit({**_facts(version), "format": form, "paths": paths, "notes": list(found.notes)})
        return
    for path in found.paths:
        click.echo(path)
    for note in found.notes:
        say(f"notice: {note}")


def _facts(version: ModelVersion) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": version.version,
        "aliases": list(version.aliases),
        "run_id": version.run,
        "created": version.created,
        "bundle": str(version.bundle),
    }
