"""`mlwright serve`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, workspace_option
from .output import say


@click.command(cls=Command, example="mlwright serve churn --port 8080")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes answer.",
)
@workspace_option
def command(model: str, host: str, port: int, workers: int, folder: Path | None) -> None:
    """Serve one model over HTTP, in the foreground."""
    from mlwright.serve.standalone import serve
    from mlwright.track.models import resolve

    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    serve(workspace, version, host=host, port=port, workers=workers, say=say)
