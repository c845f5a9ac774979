"""Alerts through apprise, which speaks to over a hundred services."""

from __future__ import annotations

from pathlib import Path

import apprise

from mlwright.core.channels import AppriseChannel as Settings
from mlwright.core.errors import ConfigError
from mlwright.core.secrets import reveal

from .alert import Alert
from .post import not_delivered

_TYPES = {
    "info": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
    "error": apprise.NotifyType.FAILURE,
}


class AppriseChannel:
    """Sends each alert to what one apprise URL stands for."""

    def __init__(self, url: str, *, name: str) -> None:
        self._name = name
        self._receivers = apprise.Apprise()
        if not self._receivers.add(url):
            raise ConfigError(
                f"{name} holds no URL that apprise understands",
                hint="the forms are at https://appriseit.com/services/",
            )

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            RemoteError: the service did not take it.
        """
        kind = apprise.NotifyType.SUCCESS if alert.resolved else _TYPES[alert.severity]
        sent = self._receivers.notify(
            title=alert.heading,
            body=alert.body(),
            notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
        )
        if not sent:
            raise not_delivered(self._name, "apprise says no more; its own command says why")


def open_apprise_channel(settings: Settings, _root: Path) -> AppriseChannel:
    """Return the channel of a URL, which is in the environment."""
    return AppriseChannel(reveal(settings.url), name=f"apprise {settings.url}")
