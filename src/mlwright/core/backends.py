"""Back-ends by name: one table a kind, imported on use, opened to others by entry points."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from .errors import MissingExtra, UnknownBackend, did_you_mean

T = TypeVar("T")

_OWN = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a back-end lives (`module:attribute`) and which extra brings its packages."""

    path: str
    extra: str | None = None


class Backends(Generic[T]):
    """The back-ends of one kind.

    >>> kinds = Backends[object]("clock", "mlwright.clocks", {"utc": Backend("datetime:UTC")})
    >>> kinds.names()
    ['utc']
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, Backend]) -> None:
        self.kind = kind
        self.group = group
        self.builtin = dict(sorted(builtin.items()))

    def names(self) -> list[str]:
        """Return every name, ours and those that other packages registered, sorted."""
        return sorted({*self.builtin, *(point.name for point in self._points())})

    def load(self, name: str) -> T:
        """Import and return the back-end of this name.

        Raises:
            UnknownBackend: no back-end has that name; the message has the nearest one.
            MissingExtra: its package is not installed; the hint has the command.
        """
        if name in self.builtin:
            return self._import(name, self.builtin[name])
        for point in self._points():
            if point.name == name:
                return cast(T, point.load())
        raise self._unknown(name)

    def check(self, name: str) -> None:
        """Raise UnknownBackend where no back-end has that name; nothing is imported."""
        if name not in self.names():
            raise self._unknown(name)

    def missing(self, name: str) -> str | None:
        """Return the package that keeps this back-end from loading, or None when it loads."""
        try:
            self.load(name)
        except MissingExtra as exc:
            return exc.name
        return None

    def _unknown(self, name: str) -> UnknownBackend:
        return UnknownBackend(
            f"no {self.kind} named {name!r}{did_you_mean(name, self.names())}",
            hint=f"available: {', '.join(self.names())}",
        )

    def _points(self) -> tuple[EntryPoint, ...]:
        return tuple(entry_points(group=self.group))

    def _import(self, name: str, backend: Backend) -> T:
        module, _, attribute = backend.path.partition(":")
        try:
            return cast(T, getattr(importlib.import_module(module), attribute))
        except ModuleNotFoundError as exc:
            top = (exc.name or "").partition(".")[0]
            if backend.extra is None or top == _OWN:
                raise  # our own broken import is not the user's missing package
            raise _missing(f"{self.kind} {name!r}", exc.name or top, backend.extra) from exc


def require(module: str, *, extra: str, needed_by: str) -> Any:
    """Import an optional package, or say which extra brings it.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise _missing(needed_by, module, extra) from exc


def _missing(needed_by: str, package: str, extra: str) -> MissingExtra:
    error = MissingExtra(
        f"{needed_by} needs the package {package!r}, which is not installed",
        hint=f"pip install 'mlwright[{extra}]'",
    )
    error.name = package
    return error
