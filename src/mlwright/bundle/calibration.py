"""A calibration: what a score really means, as straight lines between points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlwright.bundle.plan import Floats
from mlwright.bundle.runtimes import Runtime


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A rising line through the points (x, y); outside them it stays level."""

    x: Floats
    y: Floats

    def at(self, scores: Floats) -> Floats:
        """Return the height at each score; NaN at NaN."""
        return np.interp(scores, self.x, self.y)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One line for two classes; one a class for more, after which the row's sum is 1 again.

    Heights lie above 0, so that there is always a sum to divide by.

    >>> half = Calibration("sigmoid", (Line(np.array([0.0, 1.0]), np.array([0.25, 0.75])),))
    >>> half.apply(np.array([0.0, 0.5])).tolist()
    [0.25, 0.5]
    """

    method: str
    lines: tuple[Line, ...]

    def apply(self, scores: Floats) -> Floats:
        """Return the calibrated probabilities of scores (n,), or (n, classes)."""
        if scores.ndim == 1:
            return self.lines[0].at(scores)
        drawn = np.column_stack(
            [line.at(column) for line, column in zip(self.lines, scores.T, strict=True)]
        )
        return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as a JSON object, the inverse of `from_json`."""
        lines = [{"x": line.x.tolist(), "y": line.y.tolist()} for line in self.lines]
        return {"method": self.method, "lines": lines}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote."""
        lines = [Line(np.array(each["x"]), np.array(each["y"])) for each in value["lines"]]
        return cls(value["method"], tuple(lines))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A runtime whose scores are calibrated."""

    runtime: Runtime
    calibration: Calibration

    def scores(self, matrix: Floats) -> Floats:
        """Return the calibrated scores; see `Runtime.scores`."""
        return self.calibration.apply(self.runtime.scores(matrix))


def calibrated(runtime: Runtime, calibration: Calibration | None) -> Runtime:
    """Return the runtime, under a calibration where there is one."""
    return runtime if calibration is None else Calibrated(runtime, calibration)
