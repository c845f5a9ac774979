"""`mlwright package`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import Command, json_option, workspace_option
from .sources import run, source_options


@click.command(
    cls=Command,
    example="mlwright package model.ubj --name churn --reference train.csv --target Churn",
)
@click.argument("source")
@click.option("--name", help="What the model is called.  [default: as the source is]")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Table like the training data: columns, kinds, profile.",
)
@source_options
@workspace_option
@json_option
def command(
    source: str,
    name: str | None,
    reference: Path | None,
    folder: Path | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Package a model from a run, another model, MLflow, or a library's own file.

    SOURCE is a run's id, a MODEL, a bundle's folder; a file .skops (scikit-learn), .json or .ubj
    (XGBoost), .txt (LightGBM), .onnx, .pt (TorchScript); the folder of a SavedModel or of an
    MLflow model, or its URI models:/… or runs:/…; or path/to/model.py:Class with a method predict.
    """
    from mlwright.core.errors import ConfigError

    if source.startswith(("http://", "https://")):
        raise ConfigError(
            "an endpoint cannot be packaged, only adopted",
            hint=f"mlwright adopt {source} --name NAME --reference FILE",
        )
    run(source, name=name, reference=reference, folder=folder, as_json=as_json, **said)
