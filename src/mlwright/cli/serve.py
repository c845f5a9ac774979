"""`mlwright serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, find_workspace, server_options, workspace_option
from .output import say

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace


@click.command(cls=Command, example="mlwright serve churn --port 8080")
@click.argument("model", required=False)
@click.option(
    "--host",
    help="Address to listen on. Without MODEL, what SageMaker, Vertex AI or Azure ML put into "
    "the container is served, on every address.  [default: 127.0.0.1]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 takes a free one.  [default: what the platform says, else 8080]",
)
@server_options
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    help="Port for the Open Inference Protocol over gRPC; without it there is none. An environment "
    "of `mlwright deploy` speaks HTTP alone.",
)
@click.option(
    "--max-body",
    type=click.IntRange(1, 1024),
    default=10,
    show_default=True,
    help="Megabytes that a request may have.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the prediction log.  [default: in the workspace, else ./log]",
)
@workspace_option
def command(
    model: str | None,
    host: str | None,
    port: int | None,
    workers: int,
    api_keys: tuple[str, ...],
    admin_port: int | None,
    grpc_port: int | None,
    max_body: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    log: Path | None,
    folder: Path | None,
) -> None:
    """Serve one model over HTTP, in the foreground."""
    from mlwright.serve.early import Early

    with Early() as early:  # first: it loads while this process finds out what it is to serve
        from mlwright.bundle.trust import NOTHING, Trust
        from mlwright.serve.hosted import PORT, hosted_model, hosted_port
        from mlwright.serve.spec import Tls, log_policy
        from mlwright.serve.standalone import Served, serve
        from mlwright.track.models import resolve

        workspace = _workspace(folder, model)
        version = resolve(workspace, model or str(hosted_model(os.environ)))
        if port is None:
            port = hosted_port(os.environ) or PORT
        served = Served(
            host=host or ("127.0.0.1" if model else "0.0.0.0"),  # noqa: S104  # it is a container
            port=port,
            workers=workers,
            admin_port=admin_port,
            grpc_port=grpc_port,
            api_keys=api_keys,
            max_body=max_body * 1024 * 1024,
            tls=Tls(str(tls_cert), str(tls_key)) if tls_cert else None,
            log=log_policy(workspace),
            trust=Trust.of(workspace.settings.trust) if workspace else NOTHING,
            log_folder=log,
        )
        serve(workspace, version, served, say=say, early=early)


def _workspace(folder: Path | None, model: str | None) -> Workspace | None:
    """Return the workspace; a bundle's folder is served without one too."""
    from mlwright.core.errors import NotFound

    try:
        return find_workspace(folder)
    except NotFound:
        if folder is None and (model is None or Path(model).is_dir()):
            return None
        raise
