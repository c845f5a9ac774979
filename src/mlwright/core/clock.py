"""Time, in one form: UTC, as datetimes for people and seconds since 1970 for logs."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from .errors import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> float:
    """Return seconds since 1970, UTC."""
    return time.time()


def iso(seconds: float) -> str:
    """Write a time as ISO 8601 in UTC, to the second.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(text: str) -> float:
    """Read a duration in seconds: `30s`, `10m`, `24h`, `7d`, `2w`, or a bare number.

    Raises:
        ConfigError: the text is not a duration.

    >>> duration("10m")
    600.0
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", text)
    if not match:
        raise ConfigError(f"{text!r} is not a duration", hint="write it as 30s, 10m, 24h or 7d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def moment(text: str, *, at: float | None = None) -> float:
    """Read a moment: ISO 8601, a duration before now (`24h`), or the seed's `last_7_days`.

    Raises:
        ConfigError: the text is none of these.

    >>> moment("1970-01-02T00:00:00Z")
    86400.0
    >>> moment("last_2_days", at=172800.0)
    0.0
    """
    at = now() if at is None else at
    if match := re.fullmatch(r"last_(\d+)_(second|minute|hour|day|week)s?", text):
        return at - int(match[1]) * _UNITS[match[2][0]]
    try:
        return at - duration(text)
    except ConfigError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a moment", hint="write 2026-01-31T12:00:00Z, 24h or last_7_days"
        ) from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
