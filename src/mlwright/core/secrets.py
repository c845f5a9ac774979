"""Secrets are references to environment variables, read at the last moment."""

from __future__ import annotations

import os

from .errors import ConfigError


def reveal(secret: str) -> str:
    """Return the value behind a secret's reference, `env:NAME`.

    Raises:
        ConfigError: the environment variable is not set.
    """
    name = secret.removeprefix("env:")
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the environment variable {name} is not set", hint=f"export {name}=…")
    return value
