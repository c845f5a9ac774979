"""What a fitted model is handed over as: data from which a bundle can be compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Link = Literal["identity", "logistic", "softmax"]


@dataclass(frozen=True, slots=True)
class LightGBMSource:
    """A booster, as the text of LightGBM's own model format."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class LinearSource:
    """A linear model on the plan's features.

    `coefficients` has shape (features,) and `intercept` is one number; for softmax they have the
    shapes (classes, features) and (classes,). With zero coefficients it is the dummy model.
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64] | float
    link: Link

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


Source = LightGBMSource | LinearSource
