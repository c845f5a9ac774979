"""What MLflow calls to load a bundle: `mlflow.pyfunc.load_model("models:/churn@champion")`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Kind

_WRITTEN_BY_MLFLOW = ("registered_model_meta",)
_HINT = "give every column of the model, each of its kind"
_ACCEPTED: dict[Kind, tuple[type, ...]] = {
    "number": (int, float, np.integer, np.floating),
    "category": (str,),
    "boolean": (bool, np.bool_),
    "text": (str,),
}
_WORDS: dict[Kind, str] = {
    "number": "numbers",
    "category": "text",
    "boolean": "true or false",
    "text": "text",
}


class Pyfunc:
    """A bundle's model that takes and gives data frames."""

    def __init__(self, bundle: Bundle) -> None:
        self._model = bundle.model()

    def predict(self, table: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row a row: `prediction`, and `probability` for classifiers.

        The probability is of the positive class, or of the predicted one where there are more
        than two.

        Args:
            table: the model's columns, in any order; further ones are ignored.
            params: MLflow's inference parameters; the model has none.

        Raises:
            SignatureError: a column is missing, or is not of its kind.
        """
        del params
        signature = self._model.signature
        absent = {name: "is missing" for name in signature.names if name not in table.columns}
        if absent:
            raise SignatureError(absent, hint=_HINT)
        answers = self._model.predict(
            {column.name: _array(table[column.name], column.kind) for column in signature.inputs}
        )
        result: dict[str, Any] = {"prediction": answers.prediction}
        if signature.task != "regression":
            scores = answers.scores
            result["probability"] = scores if scores.ndim == 1 else scores.max(axis=1)
        return pd.DataFrame(result, index=table.index)


def _array(values: pd.Series, kind: Kind) -> NDArray[Any]:
    nulls = values.isna().to_numpy()
    objects: NDArray[Any] = values.to_numpy(object, copy=True)
    for found in set(map(type, objects[~nulls])):
        if not issubclass(found, _ACCEPTED[kind]) or (kind == "number" and found is bool):
            raise SignatureError({str(values.name): f"must be {_WORDS[kind]}"}, hint=_HINT)
    if kind in ("category", "text"):
        objects[nulls] = None
        return objects
    return np.where(nulls, np.nan, objects).astype(np.float64)


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Pyfunc:
    """Load the bundle in this folder; the name and the arguments are MLflow's."""
    del model_config
    return Pyfunc(Bundle.open(Path(path), ignore=_WRITTEN_BY_MLFLOW))
