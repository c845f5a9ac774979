"""What a user lets a model do, as their own `mlwright.yaml` says it and no bundle can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from mlwright.core.errors import BundleError

_HERE = ("127.0.0.1", "::1", "localhost")


class Said(Protocol):
    """The section `trust` of the settings."""

    @property
    def bundles(self) -> tuple[str, ...]:
        """Return hashes of model files that may run code."""
        ...

    @property
    def skops_types(self) -> tuple[str, ...]:
        """Return types, by import path, that a scikit-learn model may hold."""
        ...

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Return addresses that rows may be sent to: `https://host`."""
        ...


@dataclass(frozen=True, slots=True)
class Trust:
    """What is let run and be reached. Without a word of the user: nothing."""

    bundles: tuple[str, ...] = ()
    skops_types: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    @classmethod
    def of(cls, said: Said) -> Trust:
        """Return what the settings say."""
        return cls(said.bundles, said.skops_types, said.endpoints)

    def check_code(self, digest: str, what: str) -> None:
        """Refuse a model that runs code, unless the SHA-256 of its file is trusted.

        Raises:
            BundleError: it is not; the hint is what to write where.
        """
        if digest not in self.bundles:
            raise BundleError(
                f"{what} runs code of its own when it is loaded, and is not trusted",
                hint="if you know who made it, add it to mlwright.yaml:\n"
                f"trust:\n  bundles:\n    - {digest}",
            )

    def check_address(self, url: str) -> None:
        """Refuse an address, unless it is this machine's or its host is trusted.

        Raises:
            BundleError: it is not a URL, not encrypted, or not trusted.

        >>> Trust().check_address("http://127.0.0.1:8080/predict")
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise BundleError(
                f"{origin} is not the address of an endpoint",
                hint="write it as https://host/path, without a name or password in it",
            )
        if parts.hostname in _HERE:
            return
        if parts.scheme != "https":
            raise BundleError(
                f"{origin} is not encrypted, and rows would be sent to it",
                hint="use https://, or an endpoint on this machine",
            )
        if origin not in self.endpoints:
            raise BundleError(
                f"rows would be sent to {origin}, which is not trusted",
                hint=f"if they may go there, add it to mlwright.yaml:\n"
                f"trust:\n  endpoints:\n    - {origin}",
            )


NOTHING = Trust()
"""What is trusted where nobody has said anything."""
