"""`mlwright deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlwright.core.clock import duration
from mlwright.core.errors import ConfigError, GateFailed

from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit, say


@click.command(cls=Command, example="mlwright deploy churn:2 production --strategy canary")
@click.argument("model")
@click.argument("environment")
@click.option("--platform", help="Where it runs.  [default: local]")
@click.option(
    "--strategy",
    "--deployment-strategy",
    type=click.Choice(["all_at_once", "canary"]),
    help="How traffic moves to it.",
)
@click.option("--canary-percentage", type=float, help="The first step of a canary, in percent.")
@click.option("--steps", help="Shares of traffic in turn, as 5,25,50.")
@click.option("--guard", "guards", multiple=True, help="As error_rate=1% or p95=500ms.")
@click.option("--port", type=int, help="Port of the environment; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes a version.")
@click.option("--timeout", default="10m", show_default=True, help="How long to wait for it.")
@click.option("--detach", is_flag=True, help="Do not wait for the outcome.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@yes_option
@workspace_option
@json_option
def command(
    model: str,
    environment: str,
    platform: str | None,
    strategy: str | None,
    canary_percentage: float | None,
    steps: str | None,
    guards: tuple[str, ...],
    port: int | None,
    workers: int | None,
    timeout: str,
    detach: bool,
    dry_run: bool,
    yes: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Bring a model version into an environment."""
    from mlwright.deploy.release import deploy, plan
    from mlwright.track import mirror

    from .status import show

    workspace = find_workspace(folder)
    wanted: dict[str, Any] = {
        "platform": platform,
        "strategy": strategy,
        "canary_percentage": canary_percentage,
        "steps": _percentages(steps),
        "guards": _guards(guards),
        "port": port,
        "workers": workers,
    }
    planned = plan(workspace, model, environment, **wanted)
    if dry_run:
        emit(planned.to_json()) if as_json else click.echo(planned.text())
        return
    confirmed(f"{planned.text()}\nDo it?", yes=yes)
    try:
        status = deploy(
            workspace,
            model,
            environment,
            **wanted,
            detach=detach,
            timeout=duration(timeout),
            say=say,
        )
    except KeyboardInterrupt:
        say(f"\nwhat has begun goes on by itself: mlwright status {environment} shows it")
        raise
    mirror.flush(workspace, say=say)
    emit(status.to_json()) if as_json else show(status)
    if status.outcome == "rolling" and not detach:
        raise GateFailed(
            f"{model} is still being rolled out after {timeout}, and that goes on",
            hint=f"mlwright status {environment} shows it; promote or rollback ends it",
        )
    if status.outcome in ("rolled_back", "failed"):
        raise GateFailed(
            f"{model} did not go live in {environment}: {status.reason}",
            hint=f"mlwright status {environment}",
        )


def _guards(guards: tuple[str, ...]) -> dict[str, str] | None:
    read: dict[str, str] = {}
    for guard in guards:
        name, found, limit = guard.partition("=")
        if not found:
            raise ConfigError(f"--guard {guard!r} has no limit", hint="write --guard error_rate=1%")
        read[name.strip()] = limit.strip()
    return read or None


def _percentages(steps: str | None) -> tuple[float, ...] | None:
    if steps is None:
        return None
    try:
        return tuple(float(part.strip().removesuffix("%")) for part in steps.split(","))
    except ValueError:
        raise ConfigError(
            f"--steps {steps!r} are not percentages", hint="write --steps 5,25,50"
        ) from None
