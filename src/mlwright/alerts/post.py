"""A POST of JSON that arrives, or says why not; never the address, for it may be a secret."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.core.secrets import reveal

SECONDS = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, which delivers nothing and yet succeeds."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def post(url: str, value: Any, *, to: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Send one JSON value and return the answer's body; `to` names the receiver in errors.

    Raises:
        RemoteError: it cannot be reached, or answered with anything but 2xx.
    """
    request = urllib.request.Request(  # noqa: S310 - http and https alone, checked by the settings
        url,
        data=json.dumps(value, ensure_ascii=False).encode(),
        headers={"content-type": "application/json; charset=utf-8", **(headers or {})},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=SECONDS) as answer:
            return bytes(answer.read(10_000))
    except urllib.error.HTTPError as exc:
        with exc:
            said = exc.read(200).decode(errors="replace").strip()
        raise not_delivered(to, f"it answered {exc.code}{f' ({said})' if said else ''}") from exc
    except urllib.error.URLError as exc:
        raise not_delivered(to, f"it cannot be reached: {exc.reason}") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise not_delivered(to, f"the connection failed: {type(exc).__name__}") from exc


def address(url: str) -> str:
    """Return the address behind a plain one or a reference.

    Raises:
        ConfigError: the environment variable is not set, or holds none.
    """
    found = reveal(url) if url.startswith("env:") else url
    if not found.startswith(("https://", "http://")):
        raise ConfigError(f"{url} holds no address of http:// or https://")
    return found


def not_delivered(to: str, reason: str) -> RemoteError:
    """Return the error of an alert that a receiver did not take."""
    return RemoteError(
        f"{to} did not take it: {reason}",
        hint="look at the channel under alerts.channels in mlwright.yaml, then: "
        "mlwright alerts test",
    )
