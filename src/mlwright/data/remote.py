"""Fetch tables from addresses: `http(s)://` and `s3://`, by fsspec (extra `remote`)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mlwright.core.backends import require
from mlwright.core.errors import DataError, MlwrightError, NotFound, RemoteError
from mlwright.data.memory import available_memory, size_words, too_large

_PACKAGES = {
    "http": ("fsspec", "aiohttp"),
    "https": ("fsspec", "aiohttp"),
    "s3": ("fsspec", "s3fs"),
}
_SILENCE = 60.0
_NOT_FOUND = 404


def is_address(where: Path | str) -> bool:
    """Tell an address from a path.

    >>> is_address("s3://bucket/t.csv"), is_address("data/t.csv")
    (True, False)
    """
    return isinstance(where, str) and "://" in where


def shown(address: str) -> str:
    """Return an address as messages may hold it: without what may be a secret.

    >>> shown("https://me:word@example.org/t.csv?signature=abc")
    'https://example.org/t.csv'
    """
    if not is_address(address):
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def fetch(
    address: str, folder: Path, *, wanted: Callable[[str], bool], say: Callable[[str], None]
) -> list[tuple[Path, str]]:
    """Fetch a file, or the wanted files directly below an address, and return path and name.

    Args:
        address: a file where `wanted` takes its path, else a folder.
        folder: where the files are put.
        wanted: tells from its name whether a file is one.
        say: takes a line a file.

    Raises:
        DataError: the scheme is not read, the address holds a password, or a file is too large.
        NotFound: there is nothing at the address.
        MissingExtra: the package for the scheme is not installed.
        RemoteError: the other side refused or failed.
    """
    system = _system(address)
    try:
        single = wanted(urlsplit(address).path)
        sources = [address] if single else _below(system, address, wanted)
        return [_get(system, source, folder, say) for source in sources]
    except DataError:
        raise
    except Exception as exc:  # each file system has errors of its own
        raise _ours(exc, address, folder) from exc


def _system(address: str) -> Any:
    """Return fsspec's file system for an address."""
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    if scheme not in _PACKAGES:
        raise DataError(
            f"{shown(address)}: tables at {scheme}:// are not read",
            hint=f"give one of {', '.join(f'{known}://' for known in _PACKAGES)}, or a path",
        )
    if "@" in parts.netloc:
        raise DataError(
            f"the address {shown(address)} holds a user name or a password",
            hint="leave it out: runs note the address, and others read them",
        )
    loaded = [
        require(package, extra="remote", needed_by=f"a table at {scheme}://")
        for package in _PACKAGES[scheme]
    ]
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme != "s3":
        timeout = loaded[1].ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
        options["client_kwargs"] = {"timeout": timeout}
    return loaded[0].filesystem(scheme, **options)


def _below(system: Any, address: str, wanted: Callable[[str], bool]) -> list[str]:
    """Return the addresses of the wanted files directly below an address, sorted."""
    scheme = urlsplit(address).scheme
    top = shown(address).rstrip("/") + "/"
    found = set()
    for entry in system.ls(top, detail=True):
        name = str(entry["name"])
        source = name if is_address(name) else f"{scheme}://{name.lstrip('/')}"
        inside = source.removeprefix(top)
        hidden = inside.startswith((".", "_"))
        if source.startswith(top) and "/" not in inside and not hidden and wanted(inside):
            found.add(source)
    return sorted(found)


def _get(system: Any, source: str, folder: Path, say: Callable[[str], None]) -> tuple[Path, str]:
    size, free = system.info(source).get("size"), available_memory()
    if size is not None and free is not None and size > free:
        raise too_large(shown(source), size, free)
    say(f"fetching {shown(source)}" + (f", {size_words(size)}" if size else ""))
    path = folder / PurePosixPath(urlsplit(source).path).name
    system.get_file(source, str(path))
    return path, shown(source)


def _ours(exc: Exception, address: str, folder: Path) -> MlwrightError:
    if isinstance(exc, FileNotFoundError):
        # fsspec calls everything missing that it could not ask about; the cause knows better.
        cause = exc.__cause__
        if not isinstance(cause, Exception) or getattr(cause, "status", None) == _NOT_FOUND:
            return NotFound(
                f"there is nothing at {shown(address)}", hint="check the address given as the table"
            )
        exc = cause
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        return DataError(
            f"{shown(address)} does not fit on the disk of {folder.parent}",
            hint="free some space, or set TMPDIR to a folder that has it",
        )
    return RemoteError(
        f"{shown(address)} cannot be read: {_reason(exc)}",
        hint="check the address, the network, and that you may read it",
    )


def _reason(exc: Exception) -> str:
    """Return what went wrong without the address, which may hold a secret."""
    status, message = getattr(exc, "status", None), getattr(exc, "message", None)
    if status is not None:
        return f"{status} {message or ''}".strip()
    return getattr(exc, "strerror", None) or type(exc).__name__
