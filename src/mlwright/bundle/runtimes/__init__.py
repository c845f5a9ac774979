"""What a packaged model runs on: one runtime a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.core.backends import Backend, Backends


class Runtime(Protocol):
    """A loaded model. Pure: equal matrices give equal scores, and calls leave nothing behind."""

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of a C-contiguous float64 matrix, (n, features).

        P(positive), (n,), for two classes; (n, classes) for more; the value, (n,), of a
        regression.
        """
        ...


Loader = Callable[[bytes], Runtime]
"""What a runtime's table entry is: a function from the bytes of the model's file.

It raises `BundleError` when they are no such model.
"""

RUNTIMES: Backends[Loader] = Backends(
    "runtime",
    "mlwright.runtimes",
    {
        "lightgbm": Backend("mlwright.bundle.runtimes.lightgbm:load", "train"),
        "linear": Backend("mlwright.bundle.runtimes.linear:load"),
        "network": Backend("mlwright.bundle.runtimes.network:load"),
        "onnx": Backend("mlwright.bundle.runtimes.onnx:load"),
        "sklearn": Backend("mlwright.bundle.runtimes.sklearn:load", "train"),
        "transformer": Backend("mlwright.bundle.runtimes.transformer:load"),
        "xgboost": Backend("mlwright.bundle.runtimes.xgboost:load", "xgboost"),
    },
)
