"""A model of MLflow's in MLflow. It unpickles: only what the user trusts is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.bundle.archive import unpacked_for
from mlwright.bundle.foreign import Columns, Foreign, as_scores
from mlwright.bundle.plan import Floats
from mlwright.core.backends import require
from mlwright.core.errors import BundleError


class Pyfunc:
    """A `mlflow.pyfunc` model, which is given a data frame."""

    def __init__(self, foreign: Foreign) -> None:
        self._frame: Any = require("pandas", extra="pandas", needed_by="an MLflow model").DataFrame
        mlflow = require("mlflow.pyfunc", extra="train", needed_by="an MLflow model")
        self._foreign = foreign
        folder = unpacked_for(self, foreign.data)  # it may read files later
        try:
            self._model = mlflow.load_model(str(folder))
        except Exception as exc:  # whatever the model's own code raises
            raise BundleError(
                f"MLflow cannot load the model: {type(exc).__name__}: {_first_line(exc)}",
                hint="install what its requirements.txt names",
            ) from exc

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows."""
        frame = self._frame(dict(columns))
        for column in self._foreign.signature.inputs:
            if column.kind == "boolean" and not frame[column.name].isna().any():
                frame[column.name] = frame[column.name].astype(bool)
        try:
            found = self._model.predict(frame)
        except Exception as exc:  # whatever the model's own code raises; it may quote a row
            raise BundleError(
                f"the MLflow model fails on these columns: {type(exc).__name__}",
                hint="compare them with its signature, in the file MLmodel",
            ) from exc
        found = found.to_numpy() if hasattr(found, "to_numpy") else np.asarray(found)
        return as_scores(found, self._foreign.signature, rows=len(frame), link=self._foreign.link)


def _first_line(exc: Exception) -> str:
    return str(exc).splitlines()[0] if str(exc) else ""


def load(foreign: Foreign) -> Pyfunc:
    """Load an MLflow model from its archive; this runs code of it.

    Raises:
        BundleError: MLflow cannot load it.
        MissingExtra: MLflow or pandas is not installed.
    """
    return Pyfunc(foreign)
