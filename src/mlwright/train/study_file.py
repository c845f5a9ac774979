"""The file of searches, as Optuna keeps it beside the workspace's database."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlwright.core.backends import require
from mlwright.core.errors import UserError

FILE = "studies.db"


@contextlib.contextmanager
def stored(folder: Path) -> Iterator[None]:
    """Turn what is wrong with the file of studies into words, where a block uses it.

    Raises:
        UserError: it cannot be read or written, as on a full disk.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (quiet_optuna().exceptions.StorageInternalError, SQLAlchemyError) as exc:
        found = exc.__cause__ or exc
        raise UserError(
            f"the searches' file {folder / FILE} cannot be used: {getattr(found, 'orig', found)}",
            hint="make room on the disk, and make the folder writable",
        ) from exc


def open_file(optuna: Any, path: Path) -> Any:
    """Open the file so that a process that is killed loses nothing, and nobody waits for a disk."""
    from sqlalchemy import event

    storage = optuna.storages.RDBStorage(
        f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}}
    )

    @event.listens_for(storage.engine, "connect")
    def _quick(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()
    return storage


def quiet_optuna() -> Any:
    """Return Optuna, quiet."""
    optuna = require("optuna", extra="train", needed_by="tune")
    logging.getLogger("optuna").setLevel(logging.ERROR)
    return optuna
