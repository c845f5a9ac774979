"""`mlwright rag serve`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, server_options, workspace_option
from .output import say
from .rag_options import index_option, named_index


@click.command("serve", cls=Command, example="mlwright rag serve --port 8000 --enable-caching true")
@index_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--enable-caching",
    is_flag=True,
    help="Keep answers: as the index's `cache` says, else on disk, for all workers.",
)
@server_options
@workspace_option
def serve(
    index: str | None,
    host: str,
    port: int,
    workers: int,
    enable_caching: bool,
    api_keys: tuple[str, ...],
    admin_port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    folder: Path | None,
) -> None:
    """Answer questions over HTTP, in the foreground; /docs shows how."""
    from mlwright.serve.spec import Tls, log_policy
    from mlwright.serve.standalone import Served
    from mlwright.serve.standalone import serve as run
    from mlwright.track.models import resolve

    workspace = find_workspace(folder)
    opened = named_index(workspace, index)
    served = Served(
        host=host,
        port=port,
        workers=workers,
        admin_port=admin_port,
        api_keys=api_keys,
        tls=Tls(str(tls_cert), str(tls_key)) if tls_cert else None,
        log=log_policy(workspace),
        options={"caching": "on"} if enable_caching else {},
        path="/query",
    )
    run(workspace, resolve(workspace, str(opened)), served, say=say)
