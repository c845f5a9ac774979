"""Who may ask an environment, over what, and how much: settled when it starts, kept with it.

So all its workers agree, also one that is started months later; what `mlwright.yaml` says by then
holds from the next start.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlwright.core.environments import Environment
from mlwright.core.errors import ConfigError
from mlwright.core.secrets import reveal
from mlwright.serve.spec import Access, Tls
from mlwright.serve.standalone import check_tls


def access_of(root: Path, settings: Environment, platform: str) -> Access:
    """Return what the settings of an environment say; paths are relative to their file.

    Raises:
        ConfigError: TLS is asked of containers.
    """
    tls = None
    if settings.tls is not None:
        if platform != "local":
            raise ConfigError(
                f"TLS is for the platform local, not for {platform}",
                hint="let a proxy in front of it speak TLS, and take `tls:` out of mlwright.yaml",
            )
        tls = Tls(str(root / settings.tls.certificate), str(root / settings.tls.key))
    return Access(settings.api_keys, tls, settings.max_body * 1024 * 1024)


def check(access: Access) -> None:
    """Find out whether workers could start with this.

    Raises:
        ConfigError: a key is not set, or the files for TLS are unfit.
    """
    for key in access.api_keys:
        reveal(key)
    if access.tls is not None:
        check_tls(access.tls)


def to_settings(access: Access) -> dict[str, Any]:
    """Return what is kept with the environment: names of keys, never keys."""
    found: dict[str, Any] = msgspec.to_builtins(access)
    return found


def kept(settings: Mapping[str, Any]) -> Access:
    """Return what an environment was started with."""
    return msgspec.convert(settings.get("access", {}), Access)
