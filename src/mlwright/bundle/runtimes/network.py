"""Networks of dense layers, in numpy: as fast as any runtime on a few rows, and nothing to load."""

from __future__ import annotations

import zipfile

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.archive import check_growth
from mlwright.bundle.runtimes.linear import LINKS
from mlwright.bundle.sources import NetworkSource
from mlwright.core.errors import BundleError

LIMIT = 10.0
"""Inputs are cut off here, in units of their spread: an outlier says "large", not how large."""


class Network:
    """Dense layers with rectifiers between them, and a link."""

    def __init__(self, source: NetworkSource) -> None:
        self._layers = [
            (np.ascontiguousarray(weight, np.float64), np.asarray(bias, np.float64))
            for weight, bias in source.layers
        ]
        self._link = LINKS[source.link]
        self._one = source.link != "softmax"

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the rows."""
        values = np.clip(matrix, -LIMIT, LIMIT)
        last = len(self._layers) - 1
        for place, (weight, bias) in enumerate(self._layers):
            values = values @ weight + bias
            if place < last:
                values = np.maximum(values, 0.0)
        return self._link(values[:, 0] if self._one else values)


def load(data: bytes) -> Network:
    """Read a network from its arrays.

    Raises:
        BundleError: the bytes are not a network.
    """
    check_growth(data)
    try:
        return Network(NetworkSource.from_bytes(data))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as exc:
        raise BundleError(
            f"the network cannot be read: {exc}", hint="package the model again"
        ) from exc
