"""An XGBoost booster in XGBoost itself: the original, for when compilation was not exact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.backends import require
from mlwright.core.errors import BundleError

_LARGEST = float(np.finfo(np.float32).max)
_HINT = "package the model again"


class Booster:
    """A booster; more than two classes score one number each."""

    def __init__(self, booster: Any, classes: int) -> None:
        self._vendor = require("xgboost", extra="xgboost", needed_by="this model")
        self._booster = booster
        self._shape = (classes,) if classes > 1 else ()

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the rows."""
        if not len(matrix):
            return np.zeros((0, *self._shape))
        found = self._booster.predict(self._table(matrix))
        wide = np.asarray(found, np.float64)
        return wide / wide.sum(axis=1, keepdims=True) if self._shape else wide

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each feature added (Lundberg and Lee 2017); see `explain.Explains`."""
        table = self._table(matrix)
        found = self._booster.predict(table, pred_contribs=True, strict_shape=True)
        return np.asarray(found, np.float64)

    def _table(self, matrix: NDArray[np.float64]) -> Any:
        # XGBoost refuses infinities, which larger doubles would become in single precision.
        limited = np.clip(matrix, -_LARGEST, _LARGEST).astype(np.float32)
        return self._vendor.DMatrix(limited, nthread=1)


def load(data: bytes) -> Booster:
    """Read a booster from XGBoost's JSON format.

    Raises:
        BundleError: the bytes are not an XGBoost model.
        MissingExtra: XGBoost is not installed.
    """
    xgboost = require("xgboost", extra="xgboost", needed_by="this model")
    # Looked at first, for XGBoost ends the process over some files that are no model.
    try:
        learner = json.loads(data)["learner"]
        classes = int(learner["learner_model_param"]["num_class"])
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(data))
    except (ValueError, KeyError, TypeError, xgboost.core.XGBoostError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else "it is empty"
        raise BundleError(f"the XGBoost model cannot be read: {reason}", hint=_HINT) from exc
    return Booster(booster, classes)
