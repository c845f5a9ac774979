"""`mlwright train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .baseline import SHOWN, log_baselines
from .fitting import base_options, chosen, fitting_options, learning_options, params_of
from .next_steps import next_steps
from .options import (
    Command,
    json_option,
    open_workspace,
    seed_option,
    split_options,
    workspace_option,
)
from .output import emit, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.signature import Task
    from mlwright.stats.intervals import Interval
    from mlwright.train.fit import Trained


@click.command(cls=Command, example="mlwright train --data customers.csv --target churned")
@learning_options
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What kind of target it is.  [default: found out]",
)
@click.option("--baseline", is_flag=True, help="Log a dummy and a linear model only, as runs.")
@click.option("--check", is_flag=True, help="Show the columns and what is noticed; train nothing.")
@base_options
@fitting_options
@split_options
@seed_option
@workspace_option
@json_option
def command(
    data: str | None,
    target: str | None,
    name: str | None,
    algorithm: str | None,
    task: Task | None,
    baseline: bool,
    check: bool,
    seed: int,
    folder: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Train a model from a table, and register it."""
    wanted = chosen(flags)
    if check:
        from .inspection import show_table

        show_table(folder, data=data, target=target, task=task, wanted=wanted, as_json=as_json)
        return
    if baseline:
        log_baselines(
            folder,
            data=data,
            target=target,
            name=name,
            task=task,
            seed=seed,
            wanted=wanted,
            as_json=as_json,
        )
        return
    from mlwright.track.sending import sending

    workspace = open_workspace(folder)
    with sending(workspace, say=say):
        from mlwright.train.recipe import train_configured

        trained = train_configured(
            workspace,
            data=data,
            target=target,
            name=name,
            algorithm=algorithm,
            task=task,
            params=params_of(**flags),
            seed=seed,
            wanted=wanted,
            say=say,
        )
    if as_json:
        emit(trained.to_json())
        return
    _show(trained)
    next_steps(workspace, trained)


def _show(trained: Trained) -> None:
    models = {trained.algorithm: trained.metrics["holdout"], **trained.baselines}
    names = [name for name in SHOWN[trained.task] if name in trained.metrics["holdout"]]
    rows = [
        [model, *(measured(found[m].to_json()) if m in found else "" for m in names)]
        for model, found in models.items()
    ]
    title = f"{trained.model}:{trained.version}, measured once on rows kept from training"
    table(["", *names], rows, title=title)
    if trained.gain is not None:
        click.echo(_against_linear(trained.gain))
    if trained.threshold is not None:
        click.echo(f"Threshold, chosen out of fold: {trained.threshold:.3f}")


def _against_linear(gain: Interval) -> str:
    """Say how the loss lies to the linear baseline's; `gain` is how far it is below it.

    >>> from mlwright.stats.intervals import Interval
    >>> _against_linear(Interval(-2.0, -3.0, -1.0, 100))
    "Loss above the linear baseline's by 2.0000 [1.0000, 3.0000]: worse."
    """
    if gain.high < 0:
        found = f"{-gain.value:.4f} [{-gain.high:.4f}, {-gain.low:.4f}]"
        return f"Loss above the linear baseline's by {found}: worse."
    found = f"{gain.value:.4f} [{gain.low:.4f}, {gain.high:.4f}]"
    verdict = "better" if gain.low > 0 else "within noise"
    return f"Loss below the linear baseline's by {found}: {verdict}."
