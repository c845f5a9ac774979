"""The workspace: the folder `.mlwright/`, its paths, its settings, its state and its locks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from . import clock
from .errors import Busy, ConfigError, NotFound
from .settings import NAME, Settings, read_settings

if TYPE_CHECKING:
    from .database import State

FOLDER = ".mlwright"


class Workspace:
    """A folder that holds `.mlwright/`; settings and state are read when first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Make the workspace folder, or open the one that is there."""
        workspace = cls(root)
        try:
            workspace.folder.mkdir(parents=True, exist_ok=True)
            (workspace.folder / ".gitignore").write_text("*\n")
        except OSError as exc:
            raise ConfigError(f"{root}: no workspace can be made here: {exc.strerror}") from exc
        return workspace

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """Return the workspace of this folder or of the nearest one above it.

        Raises:
            NotFound: there is none.
        """
        start = start.resolve()
        for folder in (start, *start.parents):
            if (folder / FOLDER).is_dir():
                return cls(folder)
        raise NotFound(
            f"no workspace in {start} or above",
            hint="mlwright init, or mlwright train --data FILE --target COLUMN",
        )

    @property
    def folder(self) -> Path:
        """Return the folder that holds state, bundles and logs."""
        return self.root / FOLDER

    @property
    def bundles(self) -> Path:
        """Return the folder of the bundles, each under its content hash."""
        return self.folder / "bundles"

    def environment(self, name: str) -> Path:
        """Return the folder of an environment: its logs, outcomes, sockets and incidents."""
        return self.folder / "environments" / checked_name(name, "environment")

    @cached_property
    def settings(self) -> Settings:
        """Return what `mlwright.yaml` says, or the defaults."""
        return read_settings(self.root)

    @cached_property
    def state(self) -> State:
        """Return the open database; SQLAlchemy is imported here and not before."""
        from .database import State

        return State(self.folder / "state.db")

    @contextlib.contextmanager
    def lock(self, name: str, purpose: str) -> Iterator[None]:
        """Hold a lock that ends with this process, however it ends.

        Raises:
            Busy: another process holds it; the message says which, for what and since when.
        """
        path = self.folder / "locks" / f"{name}.lock"
        path.parent.mkdir(exist_ok=True)
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(
                    f"{name} is held by {_holder(path)}",
                    hint="wait until it ends, or stop that process",
                ) from None
            file.truncate(0)
            json.dump({"pid": os.getpid(), "purpose": purpose, "since": clock.now()}, file)
            file.flush()
            yield


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text())
        return f"process {held['pid']} ({held['purpose']}) since {clock.iso(held['since'])}"
    except (OSError, ValueError, KeyError):
        return "another process"


def checked_name(name: str, kind: str) -> str:
    """Return the name, when it is safe as a file name and in a URL.

    Raises:
        ConfigError: it is not.

    >>> checked_name("churn", "model")
    'churn'
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind}",
            hint="use letters, digits, '.', '_' and '-', at most 64, beginning with one of the "
            "first two",
        )
    return name
