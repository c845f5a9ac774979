"""`mlwright deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlwright.core.clock import duration
from mlwright.core.errors import ConfigError, GateFailed

from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit, say

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.deploy.release import Status

STRATEGIES = ("all_at_once", "rolling", "blue_green", "canary", "linear", "shadow", "ab")


@click.command(cls=Command, example="mlwright deploy churn:2 production --strategy canary")
@click.argument("model", required=False)
@click.argument("environment", required=False)
@click.option("--platform", help="Where it runs: local or docker.  [default: local]")
@click.option(
    "--strategy",
    "--deployment-strategy",
    type=click.Choice(STRATEGIES),
    help="How traffic moves to it.",
)
@click.option("--canary-percentage", type=float, help="The first share it gets, in percent.")
@click.option("--steps", help="Shares of traffic in turn, as 5,25,50.")
@click.option("--interval", help="Least time at a share, for linear and rolling, as 60s.")
@click.option(
    "--guard",
    "guards",
    multiple=True,
    help="As error_rate=1%, p95=+10%, p95=500ms, predictions=10%, accuracy=-1% or mae=+5%.",
)
@click.option("--port", type=int, help="Port of the environment; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes a version.")
@click.option(
    "--auto-scaling",
    metavar="min=1,max=4",
    help="Workers a version by what they have to do; true is up to one a processor, false none.",
)
@click.option("--instance-type", help="Recorded; means nothing on this machine.")
@click.option("--timeout", default="10m", show_default=True, help="How long to wait for it.")
@click.option("--detach", is_flag=True, help="Do not wait for the outcome.")
@click.option("--resume", metavar="ENVIRONMENT", help="Go on after a crash or a reboot.")
@click.option("--verbose", is_flag=True, help="Say what is planned before it is done.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@yes_option
@workspace_option
@json_option
def command(
    model: str | None,
    environment: str | None,
    guards: tuple[str, ...],
    steps: str | None,
    interval: str | None,
    instance_type: str | None,
    timeout: str,
    detach: bool,
    resume: str | None,
    verbose: bool,
    dry_run: bool,
    yes: bool,
    folder: Path | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Bring a model version into an environment."""
    from mlwright.deploy import release

    workspace = find_workspace(folder)
    if resume:
        if model or environment:
            raise click.UsageError("--resume names the environment; it takes no MODEL")
        status = release.resume(workspace, resume, timeout=duration(timeout), say=say)
        _ended(workspace, status, f"what was begun in {resume}", timeout, False, as_json)
        return
    if not model or not environment:
        raise click.UsageError("name a MODEL and an ENVIRONMENT, or --resume ENVIRONMENT")
    wanted = {
        **choices,
        "steps": percentages(steps),
        "interval": duration(interval) if interval else None,
        "guards": read_guards(guards),
        "recorded": {"instance_type": instance_type} if instance_type else {},
    }
    planned = release.plan(workspace, model, environment, **wanted)
    if dry_run:
        emit(planned.to_json()) if as_json else click.echo(planned.text())
        return
    if verbose:
        say(planned.text())
    for name, value in wanted["recorded"].items():
        say(f"{name} {value} is recorded; it means nothing on {planned.wanted.platform}")
    confirmed(f"{planned.text()}\nDo it?", yes=yes)
    try:
        status = release.deploy(
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
    _ended(workspace, status, model, timeout, detach, as_json)


def _ended(
    workspace: Workspace, status: Status, what: str, timeout: str, detach: bool, as_json: bool
) -> None:
    """Show the outcome, and exit with 5 when it is none or a bad one."""
    from mlwright.deploy.releases import UNDER_WAY
    from mlwright.deploy.strategies import TRIED
    from mlwright.track import mirror

    from .status import show

    mirror.flush(workspace, say=say)
    emit(status.to_json()) if as_json else show(status)
    release = status.release
    tried = status.outcome == "rolling" and release is not None and release.strategy in TRIED
    if status.outcome in UNDER_WAY and not detach and not tried:
        reason = f": {status.reason}" if status.reason else ""
        raise GateFailed(
            f"{what} is still being rolled out after {timeout}, and that goes on{reason}",
            hint=f"mlwright status {status.environment} shows it; promote or rollback ends it",
        )
    if status.outcome in ("rolled_back", "failed"):
        raise GateFailed(
            f"{what} did not go live in {status.environment}: {status.reason}",
            hint=f"mlwright status {status.environment}",
        )


def read_guards(guards: Sequence[str]) -> dict[str, str] | None:
    """Read `NAME=LIMIT` as often as it was given."""
    read: dict[str, str] = {}
    for guard in guards:
        name, found, limit = guard.partition("=")
        if not found:
            raise ConfigError(f"--guard {guard!r} has no limit", hint="write --guard error_rate=1%")
        read[name.strip()] = limit.strip()
    return read or None


def percentages(steps: str | None) -> tuple[float, ...] | None:
    """Read `5,25,50`."""
    if steps is None:
        return None
    try:
        return tuple(float(part.strip().removesuffix("%")) for part in steps.split(","))
    except ValueError:
        raise ConfigError(
            f"--steps {steps!r} are not percentages", hint="write --steps 5,25,50"
        ) from None
