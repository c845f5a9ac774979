"""TorchScript in torch. Its file is a program: only what the user trusts is loaded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from mlwright.bundle.foreign import Columns, Foreign, as_scores, matrix
from mlwright.bundle.plan import Floats
from mlwright.core.backends import require
from mlwright.core.errors import BundleError


class TorchScript:
    """A scripted or traced module that takes one float32 matrix, (n, columns)."""

    def __init__(self, foreign: Foreign) -> None:
        self._torch = require("torch", extra="torch", needed_by="a TorchScript model")
        try:
            self._module: Any = self._torch.jit.load(io.BytesIO(foreign.data), map_location="cpu")
        except (RuntimeError, ValueError, OSError, EOFError) as exc:
            raise BundleError(
                "the TorchScript model cannot be read",
                hint="save it again with torch.jit.save, and package that file",
            ) from exc
        self._module.eval()
        self._foreign = foreign

    def scores(self, columns: Columns) -> Floats:
        """Return the scores of the rows."""
        signature = self._foreign.signature
        rows = matrix(columns, signature).astype(np.float32)
        try:
            with self._torch.inference_mode():
                found = self._module(self._torch.from_numpy(rows))
            answer = found.detach().numpy()
        except (RuntimeError, AttributeError, TypeError) as exc:
            raise BundleError(
                f"the TorchScript model fails on a matrix of {rows.shape[1]} columns "
                f"({type(exc).__name__})",
                hint="it must take one float32 tensor (rows, columns) and return one tensor",
            ) from exc
        return as_scores(answer, signature, rows=len(rows), link=self._foreign.link)


def load(foreign: Foreign) -> TorchScript:
    """Load a TorchScript file; this runs code of it.

    Raises:
        BundleError: the bytes are not TorchScript.
        MissingExtra: torch is not installed.
    """
    return TorchScript(foreign)
