"""`mlwright retrain`."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import duration, iso, moment

from .options import (
    Command,
    environment_meant,
    environment_option,
    find_workspace,
    json_option,
    seed_option,
    workspace_option,
    yes_option,
)
from .output import confirmed, emit, facts, say, table

if TYPE_CHECKING:
    from mlwright.retrain.result import Retrained
    from mlwright.retrain.triggers import NotDue


@click.group()
def command() -> None:
    """Make a challenger, and promote it only if it wins."""


@command.command(
    cls=Command,
    example="mlwright retrain run --reason data_drift_detected --training-data last_90_days",
)
@environment_option("Whose champion.")
@click.option("--reason", default="asked for", show_default=True, help="Why; kept in the history.")
@click.option(
    "--features",
    help="Those that gave the reason, as a,b; no slice of them may come to harm.",
)
@click.option(
    "--since",
    "--training-data",
    help="Labelled rows from then on, as 7d or last_90_days.  [default: all]",
)
@click.option("--tune", is_flag=True, help="Search parameters first, as `tune` in mlwright.yaml.")
@click.option("--no-deploy", is_flag=True, help="Compare only; do not roll a winner out.")
@seed_option
@yes_option
@workspace_option
@json_option
def run(
    environment: str | None,
    reason: str,
    features: str | None,
    since: str | None,
    tune: bool,
    no_deploy: bool,
    seed: int,
    yes: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Train on recent labelled rows and history; challenge the champion; roll a winner out."""
    from mlwright.retrain.run import run as run_retraining
    from mlwright.track.sending import sending

    workspace = find_workspace(folder)
    meant = environment_meant(workspace, environment)
    confirmed(f"Retrain the champion of {meant}?", yes=yes)
    with sending(workspace, say=say):
        done = run_retraining(
            workspace,
            meant,
            reason=reason,
            features=[name.strip() for name in (features or "").split(",") if name.strip()],
            since=moment(since) if since else None,
            deploy=not no_deploy,
            tune=tune or workspace.settings.retrain.tune,
            seed=seed,
            say=say,
        )
    if as_json:
        emit(done.to_json())
        return
    facts(
        {
            "champion": f"{done.model}:{done.champion}",
            "challenger": f"{done.model}:{done.challenger}",
            "learned from": f"{done.mix['recent_rows']:,} recent rows, "
            f"{done.mix['history_rows']:,} of history at weight {done.mix['history_weight']:.2f}",
            "decision": done.decision,
            "outcome": done.outcome,
            "why": done.why,
        }
    )


@command.command(cls=Command, example="mlwright retrain watch --check-interval 10m")
@environment_option("Whose champion.")
@click.option(
    "--check-interval",
    default="300",
    show_default=True,
    help="Seconds between looks, or a duration, as 10m.",
)
@click.option("--once", is_flag=True, help="Look once, and end.")
@workspace_option
@json_option
def watch(
    environment: str | None, check_interval: str, once: bool, folder: Path | None, as_json: bool
) -> None:
    """Retrain when it is due: by schedule, drift, performance, or new labels (mlwright.yaml)."""
    from mlwright.core import clock
    from mlwright.retrain.triggers import NotDue
    from mlwright.retrain.watch import Watch
    from mlwright.track import mirror

    workspace = find_workspace(folder)
    meant = environment_meant(workspace, environment)
    watching = Watch(workspace, meant, duration(check_interval), say)

    def show(found: Retrained | NotDue) -> None:
        if not isinstance(found, NotDue):
            mirror.flush(workspace, say=say)
        _show(found, as_json=as_json)

    if once:
        show(watching.step(clock.now()))
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watching.run(stop, done=show)


def _show(found: Retrained | NotDue, *, as_json: bool) -> None:
    from mlwright.retrain.triggers import NotDue

    if isinstance(found, NotDue):
        value, said = {"outcome": "not_due", "why": found.why}, f"not due: {found.why}"
    else:
        value, said = found.to_json(), f"{found.outcome}: {found.why}"
    click.echo(json.dumps(value, allow_nan=False) if as_json else said)


@command.command(cls=Command, example="mlwright retrain history --environment production")
@click.option("--environment", help="Of this one alone.  [default: all]")
@workspace_option
@json_option
def history(environment: str | None, folder: Path | None, as_json: bool) -> None:
    """List past retrainings with the reason of each decision, the newest first."""
    from mlwright.retrain.history import entries

    found = entries(find_workspace(folder), environment)
    if as_json:
        emit({"retrainings": [entry.to_json() for entry in found]})
        return
    rows = [
        [
            iso(entry.started),
            f"{entry.model}:{entry.champion}",
            entry.challenger or "-",
            entry.reason,
            entry.outcome or "under way",
            (entry.detail or {}).get("why", ""),
        ]
        for entry in found
    ]
    table(["began", "champion", "challenger", "reason", "outcome", "why"], rows)
