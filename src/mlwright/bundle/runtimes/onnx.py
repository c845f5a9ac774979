"""Compiled models in ONNX Runtime, set up for single rows: one thread, nothing that spins."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mlwright.core.errors import BundleError


class Onnx:
    """An ONNX graph with one float64 input `x` and one output `scores`."""

    def __init__(self, data: bytes) -> None:
        self._session = session_of(data)
        self._outputs = ["scores"]

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the rows."""
        result: NDArray[np.float64] = self._session.run(self._outputs, {"x": matrix})[0]
        return result


def session_of(data: bytes) -> onnxruntime.InferenceSession:
    """Return a session for a graph.

    Raises:
        BundleError: the bytes are not a graph that ONNX Runtime takes.
    """
    options = options_of()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime has no common base class
        raise BundleError(
            f"the ONNX model cannot be read: {str(exc).splitlines()[0]}",
            hint="package the model again",
        ) from exc


def options_of() -> onnxruntime.SessionOptions:
    """Return how a session is set up: nothing that spins, and no weights from files beside it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A graph may name files that hold its weights. Here it is whole, and one that names a file all
    # the same would have it read from the folder that the process runs in.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", "/dev/null"
    )
    return options


def load(data: bytes) -> Onnx:
    """Read a compiled model.

    Raises:
        BundleError: the bytes are not a graph that ONNX Runtime takes.
    """
    return Onnx(data)
