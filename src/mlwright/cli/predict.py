"""`mlwright predict`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, say


@click.command(
    cls=Command,
    example="mlwright predict churn --input new.csv --output scored.csv --keep customer_id",
)
@click.argument("model")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="CSV, Parquet or JSON lines, of any size: a file, a folder, or - for standard input.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="A .csv, .jsonl (also .gz) or .parquet file, or - for standard output.",
)
@click.option(
    "--keep", metavar="COLUMNS", help="Columns of the input to keep, as id,date.  [default: all]"
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Stop at a row that does not fit, or leave such rows out and list them.",
)
@workspace_option
@json_option
def command(
    model: str,
    source: Path,
    output: Path,
    keep: str | None,
    on_error: str,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Predict for a file of rows."""
    from mlwright.bundle.trust import Trust
    from mlwright.core.errors import ConfigError
    from mlwright.serve.batch import STANDARD, predict_file
    from mlwright.track.models import resolve

    if as_json and output == STANDARD:
        raise ConfigError(
            "--json and the predictions cannot both go to standard output",
            hint="name an --output file",
        )
    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    with progress_line() as progress:
        done = predict_file(
            version.bundle,
            source,
            output,
            model_version=version.version,
            keep=None if keep is None else [name.strip() for name in keep.split(",") if name],
            skip_bad=on_error == "skip",
            trust=Trust.of(workspace.settings.trust),
            say=say,
            progress=progress,
        )
    if as_json:
        emit({**done.to_json(), "model": version.model, "version": version.version})
        return
    say(f"{done.rows:,} rows predicted by {version} → {output}")
    if done.problems:
        say(f"{done.skipped:,} rows do not fit the model and are left out: {done.problems}")


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[float, int], None]]:
    """Show at a terminal how far it is and how long it will take, from the second second on."""
    first: list[tuple[float, float]] = []  # when, and how far a former run had come
    shown = [0.0]

    def progress(share: float, rows: int) -> None:
        now = time.monotonic()
        if not first:
            first.append((now, share))
        began, before = first[0]
        if now - began < 1 or now - shown[0] < 0.2 or not sys.stderr.isatty():
            return
        left = (now - began) * (1 - share) / max(share - before, 1e-9)
        shown[0] = now
        click.echo(f"\r{share:4.0%}  {rows:,} rows  {left:,.0f} s left \x1b[K", nl=False, err=True)

    try:
        yield progress
    finally:
        if shown[0]:
            click.echo("\r\x1b[K", nl=False, err=True)
