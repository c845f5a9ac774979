"""What a fitted model is handed over as: data from which a bundle can be compiled."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlwright.bundle.manifest import to_bytes

Link = Literal["identity", "logistic", "softmax"]


class Source(Protocol):
    """A model as the file that its own runtime reads."""

    @property
    def runtime(self) -> str:
        """Return the name of that runtime, one of `RUNTIMES`."""
        ...

    @property
    def file(self) -> str:
        """Return the file's name."""
        ...

    @property
    def data(self) -> bytes:
        """Return the file's bytes; equal models have equal bytes."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the distributions that the runtime needs, beside mlwright."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A model as bytes, for every runtime that has no source of its own here."""

    runtime: str
    file: str
    data: bytes
    packages: tuple[str, ...]


class Scorer(Protocol):
    """What gives scores; a `Runtime`, which this module does not know."""

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of rows (n, features)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ExportedSource:
    """A model written anew for a runtime here, and the fitted one that it must equal.

    The two compute in single precision, each in its own order, so that their scores may lie
    `tolerance` apart. At most `rows` real rows are compared, for some models take long.
    """

    runtime: str
    file: str
    data: bytes
    packages: tuple[str, ...]
    original: Scorer
    tolerance: float
    rows: int


@dataclass(frozen=True, slots=True)
class LightGBMSource:
    """A booster, as the text of LightGBM's own model format."""

    text: str
    runtime: str = "lightgbm"
    file: str = "model.txt"
    packages: tuple[str, ...] = ("lightgbm", "numpy")

    @property
    def data(self) -> bytes:
        """Return the text's bytes."""
        return self.text.encode()


@dataclass(frozen=True, slots=True, eq=False)
class LinearSource:
    """A linear model on the plan's features.

    `coefficients` has shape (features,) and `intercept` is one number; for softmax they have the
    shapes (classes, features) and (classes,). With zero coefficients it is the dummy model.
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64] | float
    link: Link
    runtime: str = "linear"
    file: str = "model.json"
    packages: tuple[str, ...] = ("numpy",)

    @property
    def data(self) -> bytes:
        """Return the JSON's bytes."""
        return to_bytes(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON object, the inverse of `from_json`."""
        return {
            "coefficients": np.asarray(self.coefficients).tolist(),
            "intercept": np.asarray(self.intercept).tolist(),
            "link": self.link,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LinearSource:
        """Read what `to_json` wrote."""
        coefficients = np.array(value["coefficients"], np.float64)
        return cls(coefficients, np.array(value["intercept"], np.float64), value["link"])


@dataclass(frozen=True, slots=True, eq=False)
class NetworkSource:
    """A network of dense layers with rectifiers between them, on the plan's features.

    `layers` holds a weight (inputs, outputs) and a bias (outputs,) each; the last layer has one
    output, or one a class for softmax.
    """

    layers: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
    link: Link
    runtime: str = "network"
    file: str = "model.npz"
    packages: tuple[str, ...] = ("numpy",)

    @property
    def data(self) -> bytes:
        """Return the arrays as numpy's own archive."""
        file = io.BytesIO()
        named = {}
        for place, (weight, bias) in enumerate(self.layers):
            named[f"weight{place}"], named[f"bias{place}"] = weight, bias
        np.savez(file, allow_pickle=False, link=np.array(self.link), **named)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> NetworkSource:
        """Read what `data` gave.

        Raises:
            ValueError, KeyError, OSError: the bytes are no such archive.
        """
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            count = (len(arrays.files) - 1) // 2
            layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(count)]
            return cls(layers, str(arrays["link"]))  # type: ignore[arg-type]
