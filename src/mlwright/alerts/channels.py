"""What a channel is, and the table of the known ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mlwright.core.backends import Backend, Backends
from mlwright.core.settings import Channel

from .alert import Alert


class AlertChannel(Protocol):
    """Brings alerts to someone."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert, whole, before returning.

        Raises:
            RemoteError: it was not delivered, or not wholly.
        """


Opener = Callable[[Channel, Path], AlertChannel]
"""Makes the channel that the settings describe; the path is the workspace's root."""

CHANNELS: Backends[Opener] = Backends(
    "alert channel",
    "mlwright.alert_channels",
    {"file": Backend("mlwright.alerts.file:open_file_channel")},
)
