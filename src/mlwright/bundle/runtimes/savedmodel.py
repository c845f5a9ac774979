"""A SavedModel in TensorFlow. It is a program: only what the user trusts is loaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.archive import unpack
from mlwright.bundle.foreign import Columns, Foreign, as_scores, matrix
from mlwright.bundle.plan import Floats
from mlwright.core.backends import require
from mlwright.core.errors import BundleError

SIGNATURE = "serving_default"


class SavedModel:
    """The signature `serving_default`: one matrix, or one input a column, and one output."""

    def __init__(self, foreign: Foreign) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # equal rows are to score equally
        self._tf = require("tensorflow", extra="keras", needed_by="a SavedModel")
        self._foreign = foreign
        try:
            with tempfile.TemporaryDirectory(prefix="mlw-") as folder:
                unpack(foreign.data, Path(folder))
                self._loaded = self._tf.saved_model.load(folder)  # keeps the weights alive
            self._function = self._loaded.signatures[SIGNATURE]
        except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as exc:
            raise BundleError(
                f"the SavedModel cannot be read, or has no signature {SIGNATURE!r}",
                hint="export it again with model.export(folder)",
            ) from exc
        self._inputs: Mapping[str, Any] = self._function.structured_input_signature[1]

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows."""
        signature = self._foreign.signature
        rows = len(next(iter(columns.values())))
        try:
            found = self._function(**self._given(columns))
            (answer,) = [value.numpy() for value in found.values()]
        except Exception as exc:  # TensorFlow has no common base class
            raise BundleError(
                f"the SavedModel fails on these columns ({type(exc).__name__})",
                hint=f"its signature must take one matrix or the columns by name, and return one "
                f"tensor; it takes: {', '.join(sorted(self._inputs))}",
            ) from exc
        return as_scores(answer, signature, rows=rows, link=self._foreign.link)

    def _given(self, columns: Columns) -> dict[str, Any]:
        if len(self._inputs) == 1 and not set(self._inputs) & set(columns):
            (name,) = self._inputs
            kind = self._inputs[name].dtype
            return {name: self._tf.constant(matrix(columns, self._foreign.signature), dtype=kind)}
        return {name: self._column(columns[name], spec) for name, spec in self._inputs.items()}

    def _column(self, values: Any, spec: Any) -> Any:
        if values.dtype == object:
            values = np.array(["" if value is None else value for value in values], object)
        shaped = values if len(spec.shape) == 1 else values[:, None]
        tensor = self._tf.constant(shaped)
        return tensor if tensor.dtype == spec.dtype else self._tf.cast(tensor, spec.dtype)


def load(foreign: Foreign) -> SavedModel:
    """Load a SavedModel from its archive; this runs code of it.

    Raises:
        BundleError: the archive holds none, or it has no signature to serve.
        MissingExtra: TensorFlow is not installed.
    """
    return SavedModel(foreign)
