"""What makes an environment's number of workers follow its work; `scaling` decides."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from mlwright.core.workspace import Workspace

from . import releases
from .releases import Environment, Release
from .scaling import CALM, Scaling, Seen, wanted_workers
from .targets import VersionStatus

_EVERY: Final = 1.0  # seconds between two looks
_KEPT: Final = int(CALM) + 30


def scaling_of(there: Environment) -> Scaling | None:
    """Return the bounds that an environment is to stay in, or None where its number is fixed."""
    found = there.settings.get("auto_scaling")
    return Scaling(found["min"], found["max"]) if found else None


class AutoScaler:
    """Looks once a second, and writes another number of workers with an event that says why.

    All versions have the number that the answering one needs: a rollback or a promotion moves all
    traffic at once, and what it moves to has to bear it.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._state = workspace.state
        self._seen: deque[Seen] = deque(maxlen=_KEPT)

    def look(self, there: Environment, live: Release, found: VersionStatus | None) -> None:
        """Take in what the workers of the answering version do, and write what follows."""
        scaling, now = scaling_of(there), time.monotonic()
        if scaling is None or found is None or found.load is None or found.ready < found.workers:
            return
        if self._seen and now - self._seen[-1].time < _EVERY:
            return
        self._seen.append(Seen(now, found.workers, found.load))
        wanted = wanted_workers(scaling, self._seen)
        if not wanted.why:
            return
        with self._state.write() as connection:
            # Read anew: a person may have written another number meanwhile.
            settings = releases.known_environment(connection, there.name).settings
            if settings == there.settings:
                values = {**settings, "workers": wanted.workers}
                releases.save_environment(connection, there.name, settings=values)
                releases.record(
                    connection, live, "scaled", workers=wanted.workers, reason=wanted.why
                )
