"""The loop of a watch: wait until a check is due, do it, say what went wrong, and go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from mlwright.core import clock
from mlwright.core.errors import ConfigError, MlwrightError

from .found import Found

LEAST_INTERVAL = 1.0

Say = Callable[[str], None]


class Due(Protocol):
    """What is checked again and again."""

    @property
    def interval(self) -> float:
        """Return the seconds between checks."""
        ...

    def due(self, now: float) -> float:
        """Return the moment at which the next check can begin."""
        ...

    def step(self, now: float) -> Found | None:
        """Do the check that is due; None when none is."""
        ...


def check_interval(interval: float) -> None:
    """Refuse an interval that is too short.

    Raises:
        ConfigError: it is under a second.
    """
    if interval < LEAST_INTERVAL:
        raise ConfigError(
            f"a check every {interval:g} s is too often",
            hint="give --check-interval seconds, as 3600, or a duration, as 1h",
        )


def loop(watch: Due, stop: threading.Event, *, checked: Callable[[Found], None], say: Say) -> None:
    """Check until told to stop; what goes wrong in a check is said, and tried again."""
    while not stop.is_set():
        wait = watch.due(clock.now()) - clock.now()
        if wait > 0 and stop.wait(min(wait, watch.interval)):
            return
        try:
            found = watch.step(clock.now())
        except MlwrightError as exc:
            say(f"the check failed, and is tried again: {exc}")
            stop.wait(min(watch.interval, 60.0))
            continue
        if found:
            checked(found)
