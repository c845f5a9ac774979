"""Alerts as events of PagerDuty's Events API v2: one incident a condition, ended with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mlwright.core.channels import PagerDutyChannel as Settings
from mlwright.core.clock import iso
from mlwright.core.secrets import reveal

from .alert import Alert
from .post import address, post

_MOST_KEY = 255
_MOST_SUMMARY = 1024


class PagerDutyChannel:
    """Sends each alert as `trigger` and its end as `resolve`, both under the alert's key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def send(self, alert: Alert) -> None:
        """Send the event.

        Raises:
            RemoteError: PagerDuty did not take it.
        """
        post(self._url, event(alert, self._key), to="pagerduty")


def event(alert: Alert, key: str) -> dict[str, Any]:
    """Return the event that PagerDuty takes.

    See https://developer.pagerduty.com/docs/events-api-v2/trigger-events/.
    """
    head: dict[str, Any] = {"routing_key": key, "dedup_key": dedup_key(alert.key)}
    if alert.resolved is not None:
        return {**head, "event_action": "resolve"}
    return {
        **head,
        "event_action": "trigger",
        "client": "mlwright",
        "payload": {
            "summary": f"{alert.title}: {alert.model} ({alert.environment}), {alert.what} "
            f"{alert.value} (threshold: {alert.threshold})"[:_MOST_SUMMARY],
            "source": f"mlwright/{alert.environment}",
            "severity": alert.severity,
            "timestamp": iso(alert.time),
            "component": alert.model,
            "class": alert.kind,
            "custom_details": {"alert": alert.text(), "action": alert.action},
        },
    }


def dedup_key(key: str) -> str:
    """Return the key, or its hash where it is longer than PagerDuty takes.

    >>> dedup_key("production/churn/2/data_drift")
    'production/churn/2/data_drift'
    """
    return key if len(key) <= _MOST_KEY else hashlib.sha256(key.encode()).hexdigest()


def open_pagerduty_channel(settings: Settings, _root: Path) -> PagerDutyChannel:
    """Return the channel of a service, whose key is in the environment."""
    return PagerDutyChannel(address(settings.url), reveal(settings.key))
