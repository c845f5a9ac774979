"""Transformers in ONNX Runtime: each row by itself, as long as its own tokens."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mlwright.bundle.runtimes.onnx import options_of
from mlwright.core.errors import BundleError

_INPUT, _OUTPUT = "tokens", "scores"


class Transformer:
    """An ONNX graph that takes the tokens of one text, (1, n) of int64, and gives its scores.

    Rows are not joined into a batch: a row is enough work to fill the processor, none has to wait
    for the padding of a longer one, and what one scores does not depend on its neighbours.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                data, options_of(), providers=["CPUExecutionProvider"]
            )
            (output,) = self._session.get_outputs()
            (taken,) = self._session.get_inputs()
            if (taken.name, output.name) != (_INPUT, _OUTPUT):
                raise ValueError("it is of another kind")
            self._width = int(output.shape[1])
        except Exception as exc:  # onnxruntime has no common base class
            raise BundleError(
                f"the transformer cannot be read: {str(exc).splitlines()[0]}",
                hint="package the model again",
            ) from exc

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of rows of tokens, (n, length), -1 or NaN where there is none."""
        out = np.empty((len(matrix), self._width))
        for place, row in enumerate(matrix):
            out[place] = self._session.run([_OUTPUT], {_INPUT: tokens_of(row)[None, :]})[0][0]
        return out[:, 0] if self._width == 1 else out


def tokens_of(row: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the tokens of a row, one after the other; a row without any has the first of all.

    >>> tokens_of(np.array([101.0, 7.0, -1.0, 102.0, -1.0])).tolist()
    [101, 7, 102]
    """
    found = row[row >= 0].astype(np.int64)
    return found if len(found) else np.zeros(1, np.int64)


def load(data: bytes) -> Transformer:
    """Read an exported transformer.

    Raises:
        BundleError: the bytes are not such a graph.
    """
    return Transformer(data)
