"""Every error that mlwright raises on purpose.

The exit code is what the command line returns; `hint` is the one next step for the user.

    MlwrightError                     1  a bug, if nothing narrower fits
    +-- UserError                     2  what was given is wrong
    |   +-- ConfigError               2  a file or flag
    |   +-- DataError                 2  a table, a column, a label file
    |   |   +-- SignatureError        2  rows that do not fit the model
    |   +-- NotFound                  2  no such model, version, environment, run, file
    |   +-- UnknownBackend            2  no back-end of that name
    |   +-- BundleError               2  a bundle that is damaged or refused
    |   +-- Busy                      2  a port, a lock, a workspace held by another process
    +-- MissingExtra                  3  a package or tool is not installed
    +-- RemoteError                   4  something outside this process refused or failed
    +-- GateFailed                    5  a check ran, and its answer is no
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MlwrightError(Exception):
    """Base class of every error raised on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UserError(MlwrightError):
    """What the user gave is wrong, and the message says where."""

    exit_code = 2


class ConfigError(UserError, ValueError):
    """A configuration file or a flag is wrong."""


class DataError(UserError, ValueError):
    """A table, a column or a label file is wrong."""


class SignatureError(DataError):
    """Rows do not fit the model; `problems` maps a field to the reason, without values."""

    def __init__(self, problems: dict[str, str], *, hint: str = "") -> None:
        listed = "; ".join(f"{field}: {reason}" for field, reason in problems.items())
        super().__init__(f"the rows do not fit the model: {listed}", hint=hint)
        self.problems = problems


class NotFound(UserError, LookupError):
    """Nothing has that name."""


class UnknownBackend(UserError, LookupError):
    """No back-end of that kind has that name."""


class BundleError(UserError):
    """A bundle is damaged, or holds what the user has not trusted."""


class Busy(UserError):
    """A port, a lock or a workspace is held by another process."""


class MissingExtra(MlwrightError, ImportError):
    """A package or tool that this feature needs is not installed."""

    exit_code = 3


class RemoteError(MlwrightError, ConnectionError):
    """Something outside this process refused or failed."""

    exit_code = 4


class GateFailed(MlwrightError):
    """A check ran to its end, and its answer is no."""

    exit_code = 5


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, or "" when none is near.

    >>> did_you_mean("canari", ["canary", "linear"])
    "; did you mean 'canary'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
