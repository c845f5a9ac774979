"""Figures of a model's quality: ROC and PR curves, calibration, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.intervals import Interval

from .figures import CURRENT, REFERENCE, SOFT, Svg, _axes, _legend, _short, _svg

MOST_LINES = 8
MOST_CLASSES = 20
_MOST_POINTS = 200
_SQUARE = 4.6
_COLORS = (CURRENT, "#3a6ea5", "#2f7d4f", "#9a6b00", "#7a4f9a", "#b3392f", "#4d8f8f", SOFT)


def curves(
    lines: Sequence[tuple[str, ArrayLike, ArrayLike]],
    *,
    across: str,
    up: str,
    diagonal: bool = False,
) -> Svg:
    """Draw up to 8 lines of x and y in 0..1, each with its name; long ones are thinned.

    Args:
        lines: name, x (n,) and y (n,).
        across: what x is.
        up: what y is.
        diagonal: also draw the line of chance.
    """
    with _axes(_SQUARE) as (figure, axes):
        if diagonal:
            axes.plot([0, 1], [0, 1], color=REFERENCE, linestyle="--", linewidth=1.2)
        for (name, x, y), color in zip(lines, _COLORS, strict=False):
            at, height = np.asarray(x, float), np.asarray(y, float)
            keep = np.unique(
                np.linspace(0, len(at) - 1, min(len(at), _MOST_POINTS)).astype(np.int64)
            )
            axes.plot(at[keep], height[keep], color=color, linewidth=1.8, label=_short(name))
        if len(lines) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        return _svg(figure)


def calibration(points: Sequence[tuple[float, Interval]], *, across: str, up: str) -> Svg:
    """Draw what was observed, with its interval, against what was said; equal is the diagonal."""
    with _axes(_SQUARE) as (figure, axes):
        ends = [value for at, seen in points for value in (at, seen.low, seen.high)] or [0.0, 1.0]
        low, high = min(ends), max(ends)
        axes.plot(
            [low, high], [low, high], color=REFERENCE, linestyle="--", linewidth=1.2, label="equal"
        )
        for at, seen in points:
            axes.plot([at, at], [seen.low, seen.high], color=REFERENCE, linewidth=2.5)
        axes.plot(
            [at for at, _ in points],
            [seen.value for _, seen in points],
            "o-",
            color=CURRENT,
            linewidth=1.4,
            label="observed",
        )
        _legend(axes)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        return _svg(figure)


def confusion(counts: ArrayLike, labels: Sequence[str]) -> Svg:
    """Draw how many rows of each class (down) were given each class (across).

    Shades are shares of the true class; more than 20 classes are drawn without numbers.
    """
    table = np.asarray(counts, np.int64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    named = [_short(label) for label in labels]
    with _axes(min(9.0, 1.4 + 0.55 * len(named))) as (figure, axes):
        # Drawn as areas: an image in the page would be something to fetch.
        axes.pcolormesh(shares, cmap="Oranges", vmin=0, vmax=1, edgecolors="#c3cad3")
        axes.invert_yaxis()
        if len(named) <= MOST_CLASSES:
            for (i, j), count in np.ndenumerate(table):
                color = "white" if shares[i, j] > 0.6 else SOFT
                axes.text(
                    j + 0.5, i + 0.5, f"{int(count):,}", ha="center", va="center", color=color
                )
            middle = np.arange(len(named)) + 0.5
            axes.set_xticks(middle, named, rotation=30 if len(named) > 4 else 0)
            axes.set_yticks(middle, named)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        return _svg(figure)
