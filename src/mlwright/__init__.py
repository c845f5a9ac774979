"""mlwright: train, deploy, watch and retrain a model, in one loop.

The names below load their parts on first use; everything else is imported from its folder, as
`from mlwright.train.fit import train`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle.bundle import Bundle
    from .core.errors import MlwrightError
    from .core.workspace import Workspace
    from .data.read import read
    from .track.models import resolve

__version__ = "0.1.0"

__all__ = ["Bundle", "MlwrightError", "Workspace", "read", "resolve"]

_HOMES = {
    "Bundle": "bundle.bundle",
    "MlwrightError": "core.errors",
    "Workspace": "core.workspace",
    "read": "data.read",
    "resolve": "track.models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
