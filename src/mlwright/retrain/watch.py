"""Retrains when it is due, for as long as it runs; what is due is decided in `triggers`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mlwright.core import clock
from mlwright.core.errors import MlwrightError
from mlwright.core.workspace import Workspace

from .result import Retrained
from .run import run
from .triggers import NotDue, decide, facts_of

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """Which environment to look at, and how often (seconds)."""

    workspace: Workspace
    environment: str
    interval: float
    say: Say = lambda _: None

    def step(self, now: float) -> Retrained | NotDue:
        """Retrain if it is due, on the settings' span of labelled rows.

        Raises:
            NotFound: nothing answers in the environment.
            DataError: there is nothing fit to learn from; that is kept in the history.
        """
        settings = self.workspace.settings.retrain
        found = decide(settings, facts_of(self.workspace, self.environment, now=now), now=now)
        if isinstance(found, NotDue):
            return found
        self.say(f"retraining: {found.reason}")
        return run(
            self.workspace,
            self.environment,
            reason=found.reason,
            features=found.features,
            since=now - settings.training_data,
            tune=settings.tune,
            say=self.say,
        )

    def run(self, stop: threading.Event, *, done: Callable[[Retrained | NotDue], None]) -> None:
        """Look until told to stop; a retraining that fails is said, and is no reason to end."""
        while not stop.is_set():
            try:
                done(self.step(clock.now()))
            except MlwrightError as exc:
                self.say(f"the retraining failed: {exc}")
            stop.wait(self.interval)
