"""Alerts as messages of a Slack incoming webhook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlwright.core.channels import SlackChannel as Settings

from .alert import Alert
from .post import address, not_delivered, post

_MOST_HEADER = 150  # letters that Slack takes in a header block, and in a section
_MOST_SECTION = 3000


class SlackChannel:
    """Posts each alert as a heading and a text; nothing in it can mention anyone or be a link."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, alert: Alert) -> None:
        """Post the alert.

        Raises:
            RemoteError: Slack did not take it.
        """
        answer = post(self._url, message(alert), to="slack")
        if answer.strip() not in (b"ok", b""):  # it says what it refuses in words, also with 200
            raise not_delivered("slack", f"it answered {answer[:200].decode(errors='replace')!r}")


def message(alert: Alert) -> dict[str, Any]:
    """Return the message that Slack takes: `text` for notices, blocks for the page.

    See https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
    """
    heading = {"type": "plain_text", "text": alert.heading[:_MOST_HEADER], "emoji": True}
    body = {"type": "mrkdwn", "text": escape(alert.body())[:_MOST_SECTION], "verbatim": True}
    return {
        "text": escape(f"{alert.heading} · {alert.model} ({alert.environment})"),
        "blocks": [{"type": "header", "text": heading}, {"type": "section", "text": body}],
    }


def escape(text: str) -> str:
    """Return text in which Slack sees no mention, no link and no entity.

    >>> escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def open_slack_channel(settings: Settings, _root: Path) -> SlackChannel:
    """Return the channel of a webhook, whose address is in the environment."""
    return SlackChannel(address(settings.webhook))
