"""Models made elsewhere, read without running them: one kind of source a file.

What a source says of itself (columns, classes) is believed; what it does not say comes from a
reference table, or from the user.
"""

from __future__ import annotations

from collections.abc import Callable

from mlwright.bundle.imports.asked import Asked, Incoming
from mlwright.core.backends import Backend, Backends

Importer = Callable[[str, Asked], Incoming]
"""What an importer's table entry is: a function from a path or address, and what was asked.

It raises `BundleError` for what is no such model, and `ConfigError` where something must be said
that neither the source nor the reference says.
"""

IMPORTERS: Backends[Importer] = Backends(
    "importer",
    "mlwright.importers",
    {
        "endpoint": Backend("mlwright.bundle.imports.endpoint:read"),
        "lightgbm": Backend("mlwright.bundle.imports.lightgbm:read", "train"),
        "mlflow": Backend("mlwright.bundle.imports.mlflow:read", "train"),
        "onnx": Backend("mlwright.bundle.imports.onnx:read", "train"),
        "python": Backend("mlwright.bundle.imports.python:read"),
        "savedmodel": Backend("mlwright.bundle.imports.savedmodel:read", "keras"),
        "sklearn": Backend("mlwright.bundle.imports.sklearn:read", "train"),
        "torchscript": Backend("mlwright.bundle.imports.torchscript:read", "torch"),
        "xgboost": Backend("mlwright.bundle.imports.xgboost:read", "xgboost"),
    },
)
