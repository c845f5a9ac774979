"""Figures over time, in UTC: a measured value with its interval, and plain amounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlwright.stats.intervals import Interval

from .figures import CURRENT, LIMIT, REFERENCE, SOFT, Svg, _axes, _short, _svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_TICKS = 8


def measured(
    points: Sequence[tuple[float, Interval]],
    *,
    baseline: Interval,
    label: str,
    since: float | None = None,
) -> Svg:
    """Draw values with their intervals by time, over the band of the baseline.

    Args:
        points: seconds since 1970, and what was measured then.
        baseline: drawn as a band.
        label: what the value is.
        since: when it changed, drawn as a line.
    """
    with _axes(2.6) as (figure, axes):
        at = [time for time, _ in points]
        axes.axhspan(baseline.low, baseline.high, color=REFERENCE, alpha=0.25, linewidth=0)
        axes.axhline(baseline.value, color=REFERENCE, linewidth=1.2)
        for time, seen in points:
            axes.plot([time, time], [seen.low, seen.high], color=CURRENT, alpha=0.5, linewidth=2.5)
        axes.plot(at, [seen.value for _, seen in points], "o-", color=CURRENT, linewidth=1.6)
        if since is not None:
            axes.axvline(since, color=LIMIT, linestyle="--", linewidth=1.2)
        _title(axes, label)
        _moments(axes, at)
        return _svg(figure)


def amounts(times: ArrayLike, values: ArrayLike, *, label: str) -> Svg:
    """Draw an amount by time as an area; what is not a number is left out."""
    with _axes(2.0) as (figure, axes):
        at, height = np.asarray(times, float), np.asarray(values, float)
        axes.fill_between(at, np.nan_to_num(height), step="post", color=CURRENT, alpha=0.22)
        axes.step(at, height, where="post", color=CURRENT, linewidth=1.6)
        axes.set_ylim(bottom=0)
        _title(axes, label)
        _moments(axes, at.tolist())
        return _svg(figure)


def _title(axes: Axes, label: str) -> None:
    axes.set_title(_short(label), loc="left", color=SOFT, fontsize=11)


def _moments(axes: Axes, at: Sequence[float]) -> None:
    if not at:
        return
    low, high = min(at), max(at)
    form = "%b %d" if high - low > 3 * 86_400 else "%b %d %H:%M"
    ticks: Any = np.linspace(low, high, min(_MOST_TICKS if form == "%b %d" else 5, max(len(at), 1)))
    axes.set_xticks(ticks, [datetime.fromtimestamp(t, UTC).strftime(form) for t in ticks])
