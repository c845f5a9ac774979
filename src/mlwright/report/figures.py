"""Figures as SVG text: the same values give the same bytes, and every name is drawn as text."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlwright.stats.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REFERENCE, CURRENT, LIMIT, SOFT = "#8a97a6", "#d9622b", "#b3392f", "#5f6c7b"
_WIDTH = 9.0
_BINS = 40
_MOST_CATEGORIES = 10
_LEAST_SHARE = 0.005
_LONGEST_NAME = 32
_STYLE: Any = {
    "axes.edgecolor": "#c3cad3",
    "axes.labelcolor": SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: small, searchable, in the reader's own font
    "svg.hashsalt": "mlwright",
    "text.parse_math": False,  # a column may be named `$x_1$`
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
_lock = threading.Lock()  # matplotlib's settings belong to the process


class Svg:
    """An SVG element that a page may hold as it is; only this module makes one."""

    def __init__(self, markup: str) -> None:
        self._markup = markup

    def __html__(self) -> str:
        """Return the markup, for a template that escapes everything else."""
        return self._markup

    def __str__(self) -> str:
        return self._markup


def numbers(edges: ArrayLike, reference: ArrayLike, current: ArrayLike, *, label: str) -> Svg:
    """Draw two distributions of a number over each other, as shares of rows.

    Args:
        edges: ascending, (k,); bin i holds what lies above edge i-1 and up to edge i.
        reference: counts of the reference, (k + 1,).
        current: counts of the window, (k + 1,).
        label: the name of the number.
    """
    at, first, second = np.asarray(edges, float), np.asarray(reference), np.asarray(current)
    with _axes(2.9) as (figure, axes):
        if len(at):
            grid = _grid(at, _shares(first) + _shares(second))
            for counts, color, name in ((first, REFERENCE, "reference"), (second, CURRENT, "now")):
                shares = _coarse(at, counts, grid)
                axes.stairs(shares, grid, fill=True, color=color, alpha=0.22)
                axes.stairs(shares, grid, color=color, linewidth=1.8, label=name)
            _legend(axes)
        _percent(axes)
        axes.set_xlabel(_short(label))
        return _svg(figure)


def categories(
    names: Sequence[str], reference: ArrayLike, current: ArrayLike, *, label: str
) -> Svg:
    """Draw the shares of categories side by side, the largest first; the smallest are summed."""
    first, second = _shares(reference), _shares(current)
    larger = np.maximum(first, second)
    order = np.argsort(-larger, kind="stable")
    most = min(_MOST_CATEGORIES, max(1, int((larger >= _LEAST_SHARE).sum())))
    kept, rest = order[:most], order[most:]
    shown = [_short(names[i]) for i in kept]
    rows = [(float(first[i]), float(second[i])) for i in kept]
    if len(rest) and larger[rest].any():
        shown.append(f"{len(rest)} more")
        rows.append((float(first[rest].sum()), float(second[rest].sum())))
    with _axes(0.8 + 0.42 * len(rows)) as (figure, axes):
        place = np.arange(len(rows))
        axes.barh(place - 0.19, [r for r, _ in rows], 0.34, color=REFERENCE, label="reference")
        axes.barh(place + 0.19, [c for _, c in rows], 0.34, color=CURRENT, label="now")
        axes.set_yticks(place, shown)
        axes.set_xlabel(f"share of rows by {_short(label)}")
        axes.invert_yaxis()
        _legend(axes)
        _percent(axes, axis="x")
        return _svg(figure)


def traffic(times: ArrayLike, shares: ArrayLike, *, label: str) -> Svg:
    """Draw a version's share of traffic over time; each share holds until the next time."""
    with _axes(2.4) as (figure, axes):
        start, at = _seconds(times)
        held = np.asarray(shares, float)
        if len(at):  # the last share is still held: show it for a while
            at = np.append(at, at[-1] + max(1.0, 0.05 * at[-1]))
            held = np.append(held, held[-1])
        axes.fill_between(at, held, step="post", color=CURRENT, alpha=0.22)
        axes.step(at, held, where="post", color=CURRENT, linewidth=1.8)
        axes.set_ylim(0, 1.05)
        _percent(axes)
        axes.set_title(_short(label), loc="left", color=SOFT, fontsize=11)
        axes.set_xlabel(f"seconds since {start}")
        return _svg(figure)


def evidence(times: ArrayLike, log_e: ArrayLike, *, alpha: float, label: str) -> Svg:
    """Draw an e-value over time against 1 / alpha, the line at which it decides."""
    limit = float(-np.log10(alpha))
    with _axes(2.4) as (figure, axes):
        start, at = _seconds(times)
        axes.plot(at, np.asarray(log_e, float) / np.log(10), color=CURRENT, linewidth=1.8)
        axes.axhline(limit, color=LIMIT, linestyle="--", linewidth=1.2)
        axes.annotate(
            f"decides at {1 / alpha:,.0f}",
            (0.01, limit),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4),
            textcoords="offset points",
            color=LIMIT,
        )
        axes.margins(y=0.15)
        axes.set_ylabel("evidence, powers of 10")
        axes.set_title(_short(label), loc="left", color=SOFT, fontsize=11)
        axes.set_xlabel(f"seconds since {start}")
        return _svg(figure)


def intervals(rows: Sequence[tuple[str, Interval]], *, label: str) -> Svg:
    """Draw measured values with their intervals below each other, on one scale."""
    with _axes(0.8 + 0.42 * len(rows)) as (figure, axes):
        for place, (_, row) in enumerate(rows):
            axes.plot([row.low, row.high], [place, place], color=REFERENCE, linewidth=3)
            axes.plot([row.value], [place], "o", color=CURRENT, markersize=7)
            axes.annotate(
                f"{row.value:.3g}",
                (row.value, place),
                (0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=SOFT,
            )
        axes.set_yticks(range(len(rows)), [_short(name) for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.margins(x=0.08)
        axes.set_xlabel(_short(label))
        return _svg(figure)


def history(
    numbers: ArrayLike,
    values: ArrayLike,
    whole: ArrayLike,
    *,
    higher_is_better: bool,
    label: str,
) -> Svg:
    """Draw what trials scored, by number, and the best so far of those that were run in whole."""
    at, value, full = np.asarray(numbers), np.asarray(values, float), np.asarray(whole, bool)
    with _axes(2.9) as (figure, axes):
        axes.plot(at[~full], value[~full], "x", color=REFERENCE, label="dropped", markersize=5)
        axes.plot(at[full], value[full], "o", color=SOFT, label="scored", markersize=5)
        running = np.maximum if higher_is_better else np.minimum
        best = running.accumulate(value[full])
        axes.step(at[full], best, where="post", color=CURRENT, linewidth=1.8, label="best so far")
        _legend(axes, columns=3)
        axes.set_xlabel("trial")
        axes.set_ylabel(_short(label))
        return _svg(figure)


def shares(rows: Sequence[tuple[str, float]], *, label: str) -> Svg:
    """Draw named shares of a whole as bars below each other."""
    with _axes(0.8 + 0.42 * len(rows)) as (figure, axes):
        axes.barh(range(len(rows)), [share for _, share in rows], 0.55, color=CURRENT)
        axes.set_yticks(range(len(rows)), [_short(name) for name, _ in rows])
        axes.invert_yaxis()
        _percent(axes, axis="x")
        axes.set_xlabel(label)
        return _svg(figure)


@contextmanager
def _axes(height: float) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure of its own, without pyplot, which would keep it alive for ever."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with _lock, rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure) -> Svg:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    return Svg(text[text.index("<svg") :].strip())


def _grid(edges: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    """Return equal bins over the middle 99% of the rows, so that one outlier squeezes nothing."""
    values = np.append(edges, edges[-1])
    cumulative = np.cumsum(counts)
    low, high = values[np.searchsorted(cumulative, cumulative[-1] * np.array([0.005, 0.995]))]
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1)


def _coarse(edges: NDArray[Any], counts: NDArray[Any], grid: NDArray[Any]) -> NDArray[Any]:
    values = np.append(edges, edges[-1])
    places = np.clip(np.searchsorted(grid, values, side="left") - 1, 0, _BINS - 1)
    totals: NDArray[Any] = np.bincount(places, counts, minlength=_BINS)
    return totals / max(int(counts.sum()), 1)


def _shares(counts: ArrayLike) -> NDArray[Any]:
    values = np.asarray(counts, float)
    return values / max(float(values.sum()), 1.0)


def _seconds(times: ArrayLike) -> tuple[str, NDArray[Any]]:
    at = np.asarray(times, float)
    start = float(at[0]) if len(at) else 0.0
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), at - start


def _legend(axes: Axes, columns: int = 2) -> None:
    axes.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)


def _percent(axes: Axes, axis: str = "y") -> None:
    from matplotlib.ticker import PercentFormatter

    (axes.yaxis if axis == "y" else axes.xaxis).set_major_formatter(PercentFormatter(1.0))


def _short(name: str) -> str:
    """Make a name that comes from strangers fit on one line."""
    line = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"
