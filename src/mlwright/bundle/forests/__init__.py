"""Read the trees of a library's own model format: one library a file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from mlwright.bundle.trees import Forest

_READERS: Final = {
    "lightgbm": "mlwright.bundle.forests.lightgbm",
    "sklearn": "mlwright.bundle.forests.sklearn",
    "xgboost": "mlwright.bundle.forests.xgboost",
}


def reader(runtime: str) -> Callable[[bytes], Forest] | None:
    """Return what reads the trees of this runtime's file, or None where it holds none.

    It raises `CannotCompile` for a model that is no forest, or one with no exact graph.
    """
    if runtime not in _READERS:
        return None
    read: Callable[[bytes], Forest] = import_module(_READERS[runtime]).read
    return read
