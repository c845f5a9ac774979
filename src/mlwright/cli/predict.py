"""`mlwright predict`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, say


@click.command(cls=Command, example="mlwright predict churn --input new.csv --output scored.csv")
@click.argument("model")
@click.option(
    "--input", "source", type=click.Path(path_type=Path), required=True, help="Rows to predict for."
)
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="CSV, Parquet or JSON lines."
)
@workspace_option
@json_option
def command(model: str, source: Path, output: Path, folder: Path | None, as_json: bool) -> None:
    """Predict for a file of rows."""
    from mlwright.serve.batch import predict_file
    from mlwright.track.models import resolve

    version = resolve(find_workspace(folder), model)
    rows = predict_file(version.bundle, source, output)
    if as_json:
        emit({"rows": rows, "output": str(output), "model": version.model})
    else:
        say(f"{rows:,} rows predicted by {version.model}:{version.version} → {output}")
