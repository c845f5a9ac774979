"""Alerts as mails."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from hashlib import sha256
from pathlib import Path

from mlwright.core.channels import EmailChannel as Settings
from mlwright.core.secrets import reveal

from .alert import Alert
from .post import SECONDS, not_delivered


class EmailChannel:
    """Mails each alert; an alert and its end are one thread in a mail reader."""

    def __init__(self, settings: Settings, password: str | None) -> None:
        self._settings = settings
        self._password = password

    def send(self, alert: Alert) -> None:
        """Mail the alert to every address.

        Raises:
            RemoteError: the server did not take it, or not for every address.
        """
        mail = message(alert, self._settings)
        try:
            with self._connected() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as exc:
            refused = exc.recipients
        except smtplib.SMTPResponseException as exc:
            said = exc.smtp_error
            words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
            raise self._failed(f"it answered {exc.smtp_code} {words}") from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise self._failed(f"{type(exc).__name__}: {exc}") from exc
        if refused:
            raise self._failed(f"it refused {', '.join(map(_refusal, refused.items()))}")

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        where = (settings.host, settings.port)
        if settings.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=SECONDS)
        try:
            if settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.user and self._password:
                server.login(settings.user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _failed(self, reason: str) -> Exception:
        return not_delivered(f"{self._settings.host}:{self._settings.port}", reason)


def message(alert: Alert, settings: Settings) -> EmailMessage:
    """Return the alert as a mail."""
    mail = EmailMessage()
    mail["From"] = settings.sender or f"mlwright@{socket.getfqdn()}"
    mail["To"] = ", ".join(settings.to)
    mail["Subject"] = f"{alert.heading}: {_line(alert.model)} ({_line(alert.environment)})"
    mail["Date"] = format_datetime(datetime.fromtimestamp(alert.resolved or alert.time, UTC))
    domain = mail["From"].addresses[0].domain
    mail["Message-ID"] = make_msgid(domain=domain)
    thread = sha256(f"{alert.key}/{alert.time}".encode()).hexdigest()[:32]
    mail["References"] = f"<{thread}@mlwright>"
    mail["Auto-Submitted"] = "auto-generated"  # so that nobody's absence is answered to us
    mail.set_content(alert.text() + "\n", cte="quoted-printable")
    return mail


def _refusal(refused: tuple[str, tuple[int, bytes]]) -> str:
    address, (code, said) = refused
    return f"{address} ({code} {said.decode(errors='replace')})"


def _line(text: str) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def open_email_channel(settings: Settings, _root: Path) -> EmailChannel:
    """Return the channel of some addresses; the password is in the environment."""
    return EmailChannel(settings, reveal(settings.password) if settings.password else None)
