"""A test alert through every channel, to see which arrive before one is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mlwright.core import clock
from mlwright.core.errors import MlwrightError
from mlwright.core.workspace import Workspace

from .alert import Alert
from .channels import CHANNELS


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether one channel took the test alert and its end, and else why not."""

    channel: str
    error: str | None
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the trial as a JSON object."""
        return {"channel": self.channel, "arrived": self.error is None, "error": self.error}


def try_channels(workspace: Workspace) -> list[Trial]:
    """Send a test alert and its end to every channel, and to nobody anything else."""
    alert = trial_alert(clock.now())
    return [_try(workspace, channel, alert) for channel in workspace.settings.alerts.channels]


def _try(workspace: Workspace, channel: Any, alert: Alert) -> Trial:
    try:
        opened = CHANNELS.load(channel.type)(channel, workspace.root)
        opened.send(alert)
        opened.send(replace(alert, resolved=alert.time))  # so that nobody stays paged
    except MlwrightError as exc:
        return Trial(channel.label, str(exc), exc.hint)
    return Trial(channel.label, None)


def trial_alert(time: float) -> Alert:
    """Return an alert that says that it is none."""
    return Alert(
        kind="test",
        model="no model",
        environment="test",
        what="test value",
        value="1 (0 to 2)",
        threshold="0",
        causes=("Somebody ran mlwright alerts test",),
        action="none is needed; this channel works",
        key="mlwright/test",
        time=time,
    )
