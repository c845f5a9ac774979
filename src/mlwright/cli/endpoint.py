"""`mlwright endpoint`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.errors import GateFailed

from .options import Command, api_key_option, json_option, known_workspace, workspace_option
from .output import emit, say, table

if TYPE_CHECKING:
    from mlwright.deploy.probe import Probe


@click.group()
def group() -> None:
    """Test what answers at an address, from outside."""


@group.command(
    "test",
    cls=Command,
    example="mlwright endpoint test staging-churn-model --test-data test.csv",
)
@click.argument("endpoint", required=False)
@click.option("--endpoint", "named", hidden=True, help="The same as the argument.")
@click.option(
    "--test-data",
    type=click.Path(path_type=Path),
    help="Rows to send.  [default: the bundle's samples]",
)
@click.option("--model", help="What should answer, where the workspace does not know.")
@click.option("--slo", multiple=True, metavar="p95=500ms", help="A latency that must be kept.")
@api_key_option
@workspace_option
@json_option
def test(
    endpoint: str | None,
    named: str | None,
    test_data: Path | None,
    model: str | None,
    slo: tuple[str, ...],
    api_key: dict[str, str],
    folder: Path | None,
    as_json: bool,
) -> None:
    """Look at health, schema, predictions against the bundle, and latency."""
    from mlwright.deploy.endpoint import find_endpoint
    from mlwright.deploy.loadtest import objective
    from mlwright.deploy.probe import probe

    where = endpoint or named
    if where is None:
        raise click.UsageError("no endpoint: give a URL, an environment, or ENVIRONMENT-MODEL")
    workspace = known_workspace(folder)
    wanted = [objective(text) for text in slo]
    found = probe(
        workspace,
        find_endpoint(workspace, where, model=model),
        test_data=test_data,
        headers=api_key,
        slowest={each.percent: each.seconds for each in wanted},
    )
    emit(found.to_json()) if as_json else _show(found)
    if found.unchecked:
        names = " and ".join(check.name for check in found.unchecked)
        say(f"warning: NOT CHECKED: {names}; that nothing failed says nothing about them")
    if found.failed:
        names = ", ".join(check.name for check in found.failed)
        raise GateFailed(f"{found.endpoint.url} failed: {names}")


def _show(found: Probe) -> None:
    words = {True: "passed", False: "FAILED", None: "not checked"}
    rows = [[check.name, words[check.passed], check.detail] for check in found.checks]
    model = found.endpoint.model or "model not known"
    versions = ", ".join(map(str, found.versions))
    title = f"{found.endpoint.url} ({model}{':' if versions else ''}{versions})"
    table(["check", "", "found"], rows, title=title)
