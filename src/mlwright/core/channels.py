"""Where alerts may go, as `mlwright.yaml` says it; what is secret is `env:NAME` there."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from .alert_rules import AlertRule, read
from .config import Secret, Section


def _address(text: str) -> str:
    """Check an e-mail address as far as it could break a header."""
    name, at, host = text.rpartition("@")
    if not (name and at and host) or any(letter.isspace() for letter in text):
        raise ValueError(f"{text!r} is not an e-mail address")
    return text


def _http(text: str) -> str:
    if not text.startswith(("https://", "http://", "env:")):
        raise ValueError("an address begins with https:// or http://, or is env:NAME")
    return text


Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_http)]


def _several(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class _Channel(Section):
    """`fallback: true` is told only of what another channel did not take."""

    type: str
    fallback: bool = False

    @property
    def label(self) -> str:
        """Return how the channel is named in messages and in the state."""
        return f"{self.type} {self._where()}"

    @abstractmethod
    def _where(self) -> str:
        """Return where it leads: a path, an address, or the name of a secret."""


class FileChannel(_Channel):
    """A file: one text block an alert, or one JSON line, for `.jsonl`."""

    type: Literal["file"] = "file"
    path: Path

    def _where(self) -> str:
        return str(self.path)


class SlackChannel(_Channel):
    """An incoming webhook of Slack, or of what speaks its form."""

    type: Literal["slack"] = "slack"
    webhook: Secret

    def _where(self) -> str:
        return self.webhook


class PagerDutyChannel(_Channel):
    """Events API v2; `key` is the integration key of a service."""

    type: Literal["pagerduty"] = "pagerduty"
    key: Secret
    url: Url = "https://events.pagerduty.com/v2/enqueue"

    def _where(self) -> str:
        return self.key


class EmailChannel(_Channel):
    """Mail through an SMTP server."""

    type: Literal["email"] = "email"
    to: Annotated[tuple[Address, ...], BeforeValidator(_several), Field(min_length=1)]
    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    sender: Address | None = None
    security: Literal["none", "starttls", "tls"] = "none"
    user: str | None = None
    password: Secret | None = None

    def _where(self) -> str:
        return ", ".join(self.to)


class WebhookChannel(_Channel):
    """Any HTTP address that takes a POST of JSON; `token` is sent as a bearer token."""

    type: Literal["webhook"] = "webhook"
    url: Url
    token: Secret | None = None

    def _where(self) -> str:
        return self.url.partition("?")[0]


class AppriseChannel(_Channel):
    """Anything apprise speaks; its URL holds keys, so it is a reference."""

    type: Literal["apprise"] = "apprise"
    url: Secret

    def _where(self) -> str:
        return self.url


Channel = Annotated[
    FileChannel | SlackChannel | PagerDutyChannel | EmailChannel | WebhookChannel | AppriseChannel,
    Field(discriminator="type"),
]
Rule = Annotated[
    AlertRule, BeforeValidator(read), PlainSerializer(lambda rule: rule.text, return_type=str)
]


class Alerts(Section):
    """Who is told, and of what besides drift and degradation.

    Beyond `most_per_hour` a channel gets the rest later; the end of an alert is never held back.
    """

    channels: tuple[Channel, ...] = (FileChannel(path=Path("alerts.txt")),)
    rules: tuple[Rule, ...] = ()
    most_per_hour: Annotated[int, Field(ge=1)] = 30
