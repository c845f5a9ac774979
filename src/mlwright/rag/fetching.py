"""Pages from addresses that the user allows: bounded in size and time, no way off the list."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import IO
from urllib.parse import urljoin, urlsplit

from mlwright.core.errors import DataError, MlwrightError, RemoteError
from mlwright.rag.config import Documents
from mlwright.rag.loaders import loader_name
from mlwright.rag.sources import Skipped, Source

_PIECE = 1 << 16
_TYPES = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/plain": "text",
}
_PORTS = {"http": 80, "https": 443}


def fetched(documents: Documents, folder: Path) -> Iterator[Source | Skipped]:
    """Fetch the configured addresses into a folder; one that fails is Skipped, with its reason."""
    for number, url in enumerate(documents.urls):
        try:
            check_allowed(url, documents.allow)
            yield _fetch(url, documents, folder / str(number))
        except MlwrightError as exc:
            yield Skipped(url, str(exc))


def check_allowed(url: str, allow: Sequence[str]) -> None:
    """Refuse an address that begins with no entry of the list: scheme, host, port and path.

    Raises:
        DataError: it is not on the list.

    >>> check_allowed("https://docs.example.org/a/b.html", ["https://docs.example.org/a"])
    """
    if not any(_within(url, entry) for entry in allow):
        raise DataError("is not on the list of allowed addresses (documents.allow)")


def _within(url: str, entry: str) -> bool:
    try:
        one, two = urlsplit(url), urlsplit(entry)
        same = (one.scheme, one.hostname, one.port or _PORTS[one.scheme]) == (
            two.scheme,
            two.hostname,
            two.port or _PORTS[two.scheme],
        )
    except (ValueError, KeyError):  # no such port; neither http nor https
        return False
    if not same or "@" in one.netloc or ".." in one.path.replace("%2e", ".").replace("%2E", "."):
        return False
    folder = two.path.rstrip("/")
    return one.path == folder or one.path.startswith(f"{folder}/") or not folder


class _OnTheList(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def __init__(self, allow: Sequence[str]) -> None:
        self._allow = allow

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            check_allowed(urljoin(req.full_url, newurl), self._allow)
        except DataError:
            raise DataError(
                "is redirected to an address that is not on the list (documents.allow)"
            ) from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, documents: Documents, path: Path) -> Source:
    # No proxy from the environment and no scheme but http(s): an address on the list is asked
    # itself or not at all.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _OnTheList(documents.allow)
    )
    until = monotonic() + documents.timeout
    try:
        request = urllib.request.Request(url, headers={"user-agent": "mlwright"})  # noqa: S310
        with opener.open(request, timeout=documents.timeout) as answer:
            loader = _loader(url, answer.headers.get_content_type())
            digest = _copy(answer, path, documents.max_bytes, until)
    except urllib.error.HTTPError as exc:
        raise RemoteError(f"answers {exc.code}") from exc
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        raise RemoteError(f"cannot be fetched: {reason or type(exc).__name__}") from exc
    return Source(url, path, digest, loader)


def _loader(url: str, kind: str) -> str:
    return _TYPES[kind] if kind in _TYPES else loader_name(urlsplit(url).path)


def _copy(answer: IO[bytes], path: Path, most: int, until: float) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece := answer.read(_PIECE):
            size += len(piece)
            if size > most:
                raise DataError(f"has more than the {most:,} bytes that are allowed")
            if monotonic() > until:
                raise RemoteError("was not fetched in time")
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
