"""Counters and latency histograms with fixed buckets, written in Prometheus' text form."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_HELP = {
    "requests_total": "Requests answered, by HTTP status.",
    "rows_total": "Rows predicted, by version.",
    "errors_total": "Requests that failed, by kind.",
    "unseen_categories_total": "Values that training never saw, by column.",
    "unknown_columns_total": "Columns sent that the model does not take.",
    "fallbacks_total": "Requests that the champion answered because the candidate could not.",
    "log_failures_total": "Requests refused because the prediction log could not be written.",
}


class Metrics:
    """What one worker counts about itself; the labels are bounded, whatever clients send."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[str]] = {name: Counter() for name in _HELP}
        self._latency: dict[int, list[int]] = {}
        self._seconds: Counter[int] = Counter()

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """Add to a counter; the label is already in Prometheus' form, as `status="200"`."""
        self._counters[name][label] += by

    def observe(self, version: int, seconds: float) -> None:
        """Put one answer of this version into the latency histogram."""
        counts = self._latency.get(version)
        if counts is None:
            counts = self._latency[version] = [0] * (len(BUCKETS) + 1)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[version] += seconds  # type: ignore[assignment]

    def text(self) -> str:
        """Return the page that a Prometheus server scrapes."""
        lines: list[str] = []
        for name, counter in self._counters.items():
            lines += [f"# HELP mlwright_{name} {_HELP[name]}", f"# TYPE mlwright_{name} counter"]
            labels = counter.items() or (("", 0),)
            lines += [f"mlwright_{name}{_braced(label)} {value}" for label, value in labels]
        return "\n".join(lines + self._histogram()) + "\n"

    def _histogram(self) -> list[str]:
        name = "mlwright_request_seconds"
        lines = [f"# HELP {name} Time to answer a prediction request.", f"# TYPE {name} histogram"]
        for version, counts in self._latency.items():
            total = 0
            for edge, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                total += count
                lines.append(f'{name}_bucket{{version="{version}",le="{edge}"}} {total}')
            lines.append(f'{name}_sum{{version="{version}"}} {self._seconds[version]:.6f}')
            lines.append(f'{name}_count{{version="{version}"}} {total}')
        return lines


def label(name: str, value: str) -> str:
    r"""Return one label in Prometheus' form, escaped.

    >>> label("column", 'a"b')
    'column="a\\"b"'
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""
