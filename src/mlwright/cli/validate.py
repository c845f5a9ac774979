"""`mlwright validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import Command, json_option, seed_option, workspace_option
from .output import emit, measured, say, table

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.track.models import ModelVersion
    from mlwright.train.validate import Validation
    from mlwright.train.validation_report import Written


@click.command(
    cls=Command, example="mlwright validate churn --test-data test.csv --min auc=0.8 --min f1=0.5"
)
@click.argument("model", required=False)
@click.option("--run-id", help="The run that made the model, instead of MODEL.")
@click.option(
    "--test-data",
    type=click.Path(path_type=Path),
    required=True,
    help="Rows with the target, that the model has not seen.",
)
@click.option(
    "--min",
    "minimums",
    multiple=True,
    metavar="METRIC=VALUE",
    help="The worst that passes; of an error or a loss, the largest. May be given again.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="COLUMN",
    help="Compare how groups of this column fare. May be given again.",
)
@click.option(
    "--unit",
    metavar="COLUMN",
    help="Rows with one value of it belong together, as a customer's do.  [default: none do]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="HTML file; JSON and card beside it.  [default: in the workspace's folder]",
)
@seed_option
@workspace_option
@json_option
def command(
    model: str | None,
    run_id: str | None,
    test_data: Path,
    minimums: tuple[str, ...],
    groups: tuple[str, ...],
    unit: str | None,
    report: Path | None,
    seed: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on test data: intervals, slices, groups, a report; minimums as a gate."""
    from mlwright.bundle.bundle import Bundle
    from mlwright.bundle.trust import NOTHING, Trust
    from mlwright.core.errors import GateFailed
    from mlwright.data.read import read
    from mlwright.train.validate import validate
    from mlwright.train.validation_report import write_report

    workspace, version = _meant(model, run_id, folder)
    trust = Trust.of(workspace.settings.trust) if workspace else NOTHING
    bundle = Bundle.open(version.bundle, trust=trust)
    name = f"{version.model}:{version.version}" if version.version else version.model
    found = validate(
        bundle,
        read(test_data),
        model=name,
        minimums=minimums,
        groups=groups,
        unit=unit,
        seed=seed,
    )
    written = write_report(found, report or _default(workspace, version))
    for notice in found.notices:
        say(f"notice: {notice}")
    emit({**found.to_json(), "report": str(written.page)}) if as_json else _show(found, written)
    missed = [minimum.sentence() for minimum in found.minimums if not minimum.passed]
    if missed:
        raise GateFailed(f"{name}: {'; '.join(missed)}", hint=f"see {written.page}")


def _meant(
    model: str | None, run_id: str | None, folder: Path | None
) -> tuple[Workspace | None, ModelVersion]:
    from mlwright.core.errors import ConfigError, NotFound
    from mlwright.core.workspace import Workspace
    from mlwright.track.models import resolve
    from mlwright.track.records import find_run, version_of

    if (model is None) == (run_id is None):
        raise ConfigError(
            "which model is not said" if model is None else "MODEL and --run-id are both given",
            hint="give MODEL, or --run-id of the run that made it",
        )
    if run_id is not None:
        workspace = Workspace.find(folder or Path.cwd())
        run = find_run(workspace, run_id)
        version = version_of(workspace, run)
        if version is None:
            raise NotFound(
                f"the run {run.id[:12]} ({run.name}, {run.status}) registered no model",
                hint="mlwright models list shows the runs that did",
            )
        return workspace, version
    assert model is not None  # noqa: S101
    try:
        found: Workspace | None = Workspace.find(folder or Path.cwd())
    except NotFound:
        if not (Path(model) / "bundle.json").is_file():
            raise
        found = None
    return found, resolve(found, model)


def _default(workspace: Workspace | None, version: ModelVersion) -> Path:
    folder = Path.cwd() if workspace is None else workspace.folder / "reports"
    return folder / f"validation-{version.model}-{version.version}.html"


def _show(found: Validation, written: Written) -> None:
    parts = [part for part in ("holdout", "test") if part in found.parts]
    rows = [
        [
            name,
            *(
                measured(found.parts[p][name].to_json()) if name in found.parts[p] else ""
                for p in parts
            ),
        ]
        for name in found.metrics
    ]
    table(["metric", *parts], rows, title=f"{found.model} on {len(found.scored.truth):,} rows")
    click.echo(found.overfitting())
    for minimum in found.minimums:
        click.echo(f"minimum: {minimum.sentence()}")
    click.echo(found.slices.sentence())
    for each in found.slices.weak:
        click.echo(
            f"  {each.name}: mean loss {measured(each.loss.to_json())}, "
            f"elsewhere {measured(each.elsewhere.to_json())}"
        )
    for group in found.groups:
        differing = ", ".join(group.differing) or "nothing beyond chance"
        click.echo(f"between groups of {group.column} differs: {differing}")
    click.echo(f"\nReport:  {written.page}\nCard:    {written.card}")
