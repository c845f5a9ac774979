"""True labels from a file."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.data.read import read
from mlwright.predictions.labels import Added, add

from .live import live

_NEEDED = ("request_id", "label")


def add_file(workspace: Workspace, environment: str, path: Path) -> Added:
    """Add the labels of a table with the columns request_id and label.

    Raises:
        NotFound: there is no such file or environment.
        DataError: the file is no table, lacks a column, or holds an empty label.
    """
    log = live(workspace, environment).log
    table = read(path)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise DataError(
            f"{path} has no column {' and no column '.join(missing)}",
            hint="give a table with the columns request_id and label",
        )
    requests = table["request_id"].cast(pl.String).to_list()
    return add(log, zip(requests, table["label"].to_list(), strict=True))
