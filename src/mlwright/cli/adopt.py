"""`mlwright adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import Command, json_option, workspace_option
from .sources import run, source_options


@click.command(
    cls=Command,
    example="mlwright adopt models:/churn/3 --name churn --reference train.csv --target Churn",
)
@click.argument("source")
@click.option("--name", required=True, help="What the model is called here.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    required=True,
    help="Table like the training data, which production is compared with.",
)
@source_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.01, max=60),
    default=2.0,
    show_default=True,
    help="Seconds that an endpoint may take.",
)
@click.option("--token", metavar="env:NAME", help="Bearer token of an endpoint.")
@workspace_option
@json_option
def command(
    source: str,
    name: str,
    reference: Path,
    folder: Path | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Bring a model trained elsewhere under deployment and monitoring, without training it.

    SOURCE is what `mlwright package` takes, or the address of an endpoint: rows are then sent
    there, and deployment, log, canary and monitoring are ours.
    """
    from mlwright.core.errors import ConfigError

    token = said["token"]
    if token is not None and not (token.startswith("env:") and token[4:].isidentifier()):
        raise ConfigError("a token is given as a reference", hint="--token env:NAME")
    run(source, name=name, reference=reference, folder=folder, as_json=as_json, **said)
