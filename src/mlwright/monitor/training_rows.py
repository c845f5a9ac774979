"""The rows that the live version was trained on, read again from where training found them."""

from __future__ import annotations

from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.data.fingerprint import fingerprint
from mlwright.data.read import read
from mlwright.data.remote import shown

from .live import Live
from .sources import Sample

_HINT = "give rows to compare with by --reference-data FILE"


def training_rows(workspace: Workspace, answering: Live) -> Sample:
    """Return the table that the live version was trained on.

    Raises:
        DataError: it was trained on no file, or the file has changed.
        NotFound: the file is gone.
        RemoteError: its address cannot be read.
    """
    name = f"{answering.model}:{answering.version}"
    tags = _tags(workspace, answering)
    if "data_path" not in tags or "data_fingerprint" not in tags:
        raise DataError(f"it is not known on which file {name} was trained", hint=_HINT)
    table = read(tags["data_path"])
    if fingerprint(table) != tags["data_fingerprint"]:
        raise DataError(
            f"{shown(tags['data_path'])} has changed since {name} was trained on it", hint=_HINT
        )
    import polars as pl

    return Sample(table.height, tuple(table.columns), table.get_column, pl.DataFrame())


def _tags(workspace: Workspace, answering: Live) -> dict[str, str]:
    from sqlalchemy import select

    from mlwright.core.state import runs, versions

    mine = (versions.c.model == answering.model) & (versions.c.version == answering.version)
    query = select(runs.c.tags).join(versions, versions.c.run == runs.c.id).where(mine)
    with workspace.state.read() as connection:
        found = connection.execute(query).scalar()
    return dict(found or {})
