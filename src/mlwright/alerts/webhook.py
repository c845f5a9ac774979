"""Alerts as JSON objects, posted to any address."""

from __future__ import annotations

from pathlib import Path

from mlwright.core.channels import WebhookChannel as Settings
from mlwright.core.secrets import reveal

from .alert import Alert
from .post import address, post


class WebhookChannel:
    """Posts each alert as its JSON with `status` (firing, resolved) and its text."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def send(self, alert: Alert) -> None:
        """Post the alert.

        Raises:
            RemoteError: the address did not take it.
        """
        status = "firing" if alert.resolved is None else "resolved"
        value = {"status": status, **alert.to_json(), "text": alert.text()}
        post(self._url, value, to="the webhook", headers=self._headers)


def open_webhook_channel(settings: Settings, _root: Path) -> WebhookChannel:
    """Return the channel of an address."""
    return WebhookChannel(address(settings.url), reveal(settings.token) if settings.token else None)
