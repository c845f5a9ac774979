"""A watch of rows in files: each interval the rows that came since, on from there when restarted.

Rows that bear a time are judged once, by windows of time. Of rows without one nobody can say which
are new: they are checked again, all of them, when the files have changed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace

from .check import Check, Say
from .cursor import Cursor, boundary, load, save
from .found import Found
from .loop import check_interval, loop
from .of_files import check_files
from .sources import Source
from .tell import tell


@dataclass(frozen=True, slots=True)
class WatchFiles:
    """Which files to compare with which, how often (seconds), and whether the channels are told.

    `since` begins the first window; all rows where it is left out.
    """

    workspace: Workspace
    path: Path
    source: Source
    reference: Source
    policy: Monitor
    interval: float
    since: float | None = None
    minimum_accuracy: float | None = None
    segment: str | None = None
    told: bool = False
    say: Say = lambda _: None

    def __post_init__(self) -> None:
        check_interval(self.interval)

    @property
    def name(self) -> str:
        """Return the name under which it is kept how far the watch has come."""
        return f"files {self.path.resolve()}"

    def due(self, now: float) -> float:
        """Return the moment at which the next check can begin: now, for the first."""
        cursor = load(self.workspace, self.name)
        return now if cursor is None else boundary(cursor.until, self.interval) + self.interval

    def step(self, now: float) -> Check | None:
        """Check the rows that came since the last check; None where there is nothing new.

        Raises:
            DataError: the files or the reference cannot be read.
            RemoteError: nobody could be told.
        """
        cursor = load(self.workspace, self.name)
        until = now if cursor is None else boundary(now, self.interval)
        if cursor is not None and until <= cursor.until:
            return None
        state = {"files": list(self._state())}
        since = self.since if cursor is None else cursor.untested
        found = check_files(
            self.source,
            self.reference,
            self.policy,
            since=since,
            until=until,
            minimum_accuracy=self.minimum_accuracy,
            segment=self.segment,
            say=self.say,
        )
        if not found.dated and cursor is not None and cursor.evidence == state:
            save(self.workspace, self.name, replace(cursor, until=until))
            return None
        if self.told:
            tell(self.workspace, found, say=self.say)
        untested = until if found.rows >= self.policy.minimum_rows else since or 0.0
        save(self.workspace, self.name, Cursor(untested, until, until, until, state))
        return found

    def run(self, stop: threading.Event, *, checked: Callable[[Found], None]) -> None:
        """Check until told to stop.

        Raises:
            Busy: another watch of these files runs.
        """
        mark = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        with self.workspace.lock(f"watch {self.path.name} {mark}", f"the watch of {self.path}"):
            loop(self, stop, checked=checked, say=self.say)

    def _state(self) -> Iterator[str]:
        """Give what changes when a file does."""
        files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        for file in files:
            if file.is_file():
                status = file.stat()
                yield f"{file.name} {status.st_size} {status.st_mtime_ns}"
