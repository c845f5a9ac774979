"""What a channel is, and the table of the known ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from mlwright.core.backends import Backend, Backends

from .alert import Alert


class AlertChannel(Protocol):
    """Brings alerts to someone."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert, or its end, whole, before returning.

        Raises:
            RemoteError: it was not delivered, or not wholly.
        """


Opener = Callable[[Any, Path], AlertChannel]
"""Makes the channel that its settings describe; the path is the workspace's root.

Raises:
    ConfigError: a secret is not in the environment.
"""

CHANNELS: Backends[Opener] = Backends(
    "alert channel",
    "mlwright.alert_channels",
    {
        "apprise": Backend("mlwright.alerts.apprise:open_apprise_channel", extra="alerts"),
        "email": Backend("mlwright.alerts.email:open_email_channel"),
        "file": Backend("mlwright.alerts.file:open_file_channel"),
        "pagerduty": Backend("mlwright.alerts.pagerduty:open_pagerduty_channel"),
        "slack": Backend("mlwright.alerts.slack:open_slack_channel"),
        "webhook": Backend("mlwright.alerts.webhook:open_webhook_channel"),
    },
)
