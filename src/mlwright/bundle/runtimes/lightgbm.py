"""A LightGBM booster in LightGBM itself: the original, for when compilation was not exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.forests.sound import lightgbm_text
from mlwright.core.backends import require
from mlwright.core.errors import BundleError


class Booster:
    """A booster read from LightGBM's text format."""

    def __init__(self, text: str) -> None:
        lightgbm = require("lightgbm", extra="train", needed_by="this model")
        try:
            self._booster = lightgbm.Booster(model_str=lightgbm_text(text))
        except lightgbm.basic.LightGBMError as exc:
            raise BundleError(
                f"the LightGBM model cannot be read: {exc}", hint="package the model again"
            ) from exc
        outputs = self._booster.num_model_per_iteration()
        self._shape = (outputs,) if outputs > 1 else ()

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the rows."""
        scores = np.asarray(self._booster.predict(matrix, num_threads=1), np.float64)
        # Of no rows at all it gives one number a row, even where there is one a class.
        return scores if len(scores) else scores.reshape(0, *self._shape)

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each feature added (Lundberg and Lee 2017); see `explain.Explains`."""
        found = np.asarray(self._booster.predict(matrix, pred_contrib=True, num_threads=1))
        outputs = self._shape[0] if self._shape else 1
        return found.reshape(len(matrix), outputs, -1).astype(np.float64)


def load(data: bytes) -> Booster:
    """Read a booster from LightGBM's text format.

    Raises:
        BundleError: the bytes are not a LightGBM model.
        MissingExtra: LightGBM is not installed.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise BundleError(
            "the LightGBM model cannot be read: it is not text", hint="package the model again"
        ) from exc
    return Booster(text)
