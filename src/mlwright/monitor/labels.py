"""True labels from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError
from mlwright.core.signature import Label
from mlwright.core.workspace import Workspace
from mlwright.data.read import read
from mlwright.data.target import as_text
from mlwright.predictions.labels import Added, add

from .live import Live, live

_NEEDED = ("request_id", "label")


def add_file(workspace: Workspace, environment: str, path: Path) -> Added:
    """Add the labels of a table with the columns request_id and label, all of them or none.

    Raises:
        NotFound: there is no such file or environment.
        DataError: the file is no table, lacks a column, holds a label that is empty or no class
            of the model, or two labels for one request.
    """
    answering = live(workspace, environment)
    table = read(path)
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise DataError(
            f"{path} has no column {' and no column '.join(missing)}",
            hint="give a table with the columns request_id and label",
        )
    requests = table["request_id"].cast(pl.String).to_list()
    pairs = list(zip(requests, table["label"].to_list(), strict=True))
    _check(answering, path, pairs)
    return add(answering.log, pairs)


def _check(answering: Live, path: Path, pairs: Sequence[tuple[str, Label | None]]) -> None:
    """Refuse what would stand in the way of every later check and retraining."""
    name = f"{answering.model}:{answering.version}"
    known = {as_text(label) for label in answering.bundle.signature.classes}
    told: dict[str, Label | None] = {}
    for row, (request, label) in enumerate(pairs, start=1):
        if known and label is not None and as_text(label) not in known:
            raise DataError(
                f"{path}: row {row}: the label is no class of {name}",
                hint=f"its classes are: {', '.join(sorted(known))}",
            )
        if told.setdefault(request, label) != label:
            raise DataError(
                f"{path}: row {row}: the request has another label further up",
                hint="give each request one label",
            )
