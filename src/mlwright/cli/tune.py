"""`mlwright tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .fitting import base_options, chosen, learning_options
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
    from mlwright.train.result import Trained
    from mlwright.train.tuned import Tuned


@click.command(cls=Command, example="mlwright tune --data customers.csv --target churned")
@learning_options
@click.option(
    "--strategy",
    type=click.Choice(["bayesian", "random", "grid", "genetic"]),
    help="How to choose what to try next.  [default: bayesian]",
)
@click.option(
    "--trials",
    "--experiments",
    type=click.IntRange(min=1),
    help="How many to try, in all, over every process and start.  [default: 40]",
)
@click.option(
    "--timeout",
    help="End the search after this long, as 10m, when the default is scored.  [default: never]",
)
@click.option("--cv-folds", type=click.IntRange(2, 20), help="Folds of a score.  [default: 5]")
@click.option(
    "--cv",
    type=click.Choice(["auto", "kfold", "stratified", "group", "time"]),
    help="How folds are made.  [default: by time where rows are dated]",
)
@click.option(
    "--optimization-metric",
    help="What to search by, as f1.  [default: auc, log_loss or r2, by the task]",
)
@click.option(
    "--start-from",
    metavar="MODEL|RUN",
    help="Try the parameters of this one after the default.",
)
@base_options
@split_options
@seed_option
@workspace_option
@json_option
def command(
    data: str | None,
    target: str | None,
    name: str | None,
    algorithm: str | None,
    start_from: str | None,
    timeout: str | None,
    seed: int,
    folder: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Search for better parameters, train with them, and say what they gained."""
    from mlwright.core.clock import duration
    from mlwright.track.sending import sending

    workspace = open_workspace(folder)
    wanted = chosen(flags)
    flags["timeout"] = None if timeout is None else duration(timeout)
    with sending(workspace, say=say):
        from mlwright.train.recipe import tune_configured

        tuned = tune_configured(
            workspace,
            data=data,
            target=target,
            name=name,
            algorithm=algorithm,
            seed=seed,
            wanted=wanted,
            start_from=start_from,
            search={key: value for key, value in flags.items() if value is not None},
            say=say,
        )
    if as_json:
        emit(tuned.to_json())
        return
    _show(tuned)
    if tuned.trained is not None:
        _show_model(tuned, tuned.trained)
    else:
        click.echo("Another process that shares the search trains the winner and registers it.")
    next_steps(workspace, tuned.trained)


def _show(tuned: Tuned) -> None:
    rows = [[name, str(value)] for name, value in tuned.best_params.items()]
    shares = {name: f"{share:.0%}" for name, share in tuned.importance.items()}
    rows = [[*row, shares.get(row[0], "")] for row in rows]
    trained = tuned.trained
    title = f"{trained.model}:{trained.version}" if trained else tuned.study
    table(["parameter", "best", "importance"], rows, title=title)
    click.echo(
        f"{tuned.trials} trials ({tuned.dropped} dropped early, {tuned.failed} failed), "
        f"{tuned.cpu_seconds:.1f} CPU seconds; the best scored {tuned.score:.4f} on its "
        f"{tuned.folds} folds ({tuned.cv}), which is too good: it is the best of many."
    )


def _show_model(tuned: Tuned, trained: Trained) -> None:
    metric = tuned.metric
    models = {trained.algorithm: trained.metrics["holdout"], **trained.baselines}
    measures = [[name, measured(found[metric].to_json())] for name, found in models.items()]
    table(["", metric], measures, title="measured once on rows kept from the search")
    if tuned.gain is not None:
        verdict = "within noise" if tuned.within_noise else "better"
        verdict = "worse" if tuned.gain.high < 0 else verdict
        gain = measured(tuned.gain.to_json())
        click.echo(f"Gain in {metric} over the default parameters: {gain}: {verdict}.")
