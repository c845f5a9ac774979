"""An ONNX graph that takes a tensor a column, in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from mlwright.bundle.foreign import Columns, Foreign, as_scores
from mlwright.bundle.plan import Floats
from mlwright.bundle.runtimes.onnx import session_of
from mlwright.core.errors import BundleError

_NUMPY = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Graph:
    """A graph whose inputs are named as the columns; `output` is the one with the scores."""

    def __init__(self, foreign: Foreign) -> None:
        self._session: onnxruntime.InferenceSession = session_of(foreign.data)
        self._foreign = foreign
        self._output = str(foreign.params["output"])
        self._inputs = [(i.name, i.type, len(i.shape)) for i in self._session.get_inputs()]

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows; a null text is an empty one."""
        given = {name: _tensor(columns[name], kind, rank) for name, kind, rank in self._inputs}
        rows = len(next(iter(columns.values())))
        try:
            (found,) = self._session.run([self._output], given)
        except Exception as exc:  # onnxruntime has no common base class
            raise BundleError(
                f"the ONNX model fails on these columns ({type(exc).__name__})",
                hint="compare them with the inputs of the graph",
            ) from exc
        return as_scores(found, self._foreign.signature, rows=rows, link=self._foreign.link)


def _tensor(values: Any, kind: str, rank: int) -> Any:
    if kind == "tensor(string)":
        values = np.array(["" if value is None else value for value in values], object)
    else:
        values = np.asarray(values).astype(_NUMPY[kind])
    return values if rank == 1 else values[:, None]


def load(foreign: Foreign) -> Graph:
    """Read a graph.

    Raises:
        BundleError: the bytes are not a graph that ONNX Runtime takes.
    """
    return Graph(foreign)
