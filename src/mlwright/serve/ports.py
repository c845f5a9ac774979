"""What a refused port means to a user; one text for a server and for an environment."""

from __future__ import annotations

import errno

from mlwright.core.errors import Busy, ConfigError, UserError


def refused(host: str, port: int, exc: OSError, *, option: str = "--port") -> UserError:
    """Return the error for an address that cannot be listened on; `option` names it.

    >>> str(refused("127.0.0.1", 80, OSError(errno.EADDRINUSE, "Address already in use")))
    'port 80 of 127.0.0.1 is in use by another process'
    """
    if exc.errno == errno.EADDRINUSE:
        return Busy(
            f"port {port} of {host} is in use by another process",
            hint=f"choose another with {option}, or {option} 0 for a free one",
        )
    return ConfigError(
        f"{host}:{port} cannot be listened on: {exc.strerror or exc}",
        hint="name an address of this machine, and a port that you may take",
    )
