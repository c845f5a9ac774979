"""Figures of a load: latency by percentile, and by rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import CURRENT, LIMIT, REFERENCE, Svg, _axes, _legend, _svg


def percentiles(curve: Mapping[float, float], *, limit: float | None = None) -> Svg:
    """Draw milliseconds by percentile on a scale of powers of ten.

    Args:
        curve: percent -> seconds.
        limit: seconds that are to be kept, drawn as a line.
    """
    with _axes(2.9) as (figure, axes):
        at = range(len(curve))
        axes.plot(at, [1000 * value for value in curve.values()], "o-", color=CURRENT)
        if limit is not None:
            axes.axhline(1000 * limit, color=LIMIT, linestyle="--", linewidth=1.2)
        axes.set_xticks(at, [f"p{percent:g}" if percent < 100 else "max" for percent in curve])
        axes.set_yscale("log")
        axes.set_ylabel("ms")
        return _svg(figure)


def by_rate(lines: Mapping[str, Sequence[tuple[float, float]]], *, limit: float) -> Svg:
    """Draw the latency of loads of several rates: name -> (requests a second, seconds)."""
    with _axes(2.9) as (figure, axes):
        for (name, points), color in zip(lines.items(), (REFERENCE, CURRENT), strict=False):
            ordered = sorted(points)
            axes.plot(
                [rate for rate, _ in ordered],
                [1000 * value for _, value in ordered],
                "o-",
                color=color,
                label=name,
            )
        axes.axhline(1000 * limit, color=LIMIT, linestyle="--", linewidth=1.2)
        axes.set_yscale("log")
        axes.set_xlabel("requests a second")
        axes.set_ylabel("ms")
        _legend(axes)
        return _svg(figure)
