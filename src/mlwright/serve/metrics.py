"""Counters, gauges and latency histograms with fixed buckets, in Prometheus' text form."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

import msgspec

from .answers import Answer

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_VERSIONS = 20

_COUNTERS = {
    "requests_total": "Requests answered, by HTTP status.",
    "rows_total": "Rows predicted, by version.",
    "errors_total": "Requests that failed, by kind.",
    "unseen_categories_total": "Values that training never saw, by column.",
    "unknown_columns_total": "Columns sent that the model does not take.",
    "fallbacks_total": "Requests that the champion answered because the candidate could not.",
    "mirror_dropped_total": "Copies for a shadow that were not sent: too many were on their way.",
    "test_requests_total": "Requests marked as tests, which no guard and no check looks at.",
    "log_failures_total": "Answers that the prediction log could not take.",
}
_QUERIES = {  # of an application that answers questions, or a stream; shown where there was one
    "answers_total": "Questions answered, by the kind of answer.",
    "broken_answers_total": "Streamed answers that broke off.",
    "answer_cache_hits_total": "Questions answered from the cache.",
    "empty_retrievals_total": "Questions for which nothing was found.",
    "removed_citations_total": "References, links and images that a model made up.",
    "answer_tokens_total": "Tokens of language models, by direction.",
    "answer_cost_microdollars_total": "Millionths of a dollar that language models cost.",
    "feedback_total": "Opinions about answers, by their sign.",
    "stream_messages_total": "Messages of a stream, by what became of them.",
}
_GAUGES = {
    "queue": "Requests that are not answered yet.",
    "connections": "Connections that are open.",
    "log_lag_seconds": "Seconds of predictions that only the system, not the disk, has.",
}
_STREAM_GAUGES = {"stream_behind": "Messages of the stream that no consumer has read yet."}
_WORST = ("log_lag_seconds",)  # of many workers, the largest counts


class Snapshot(msgspec.Struct):
    """What one worker counted, or many together."""

    counters: dict[str, dict[str, int]] = {}
    latency: dict[str, list[int]] = {}
    seconds: dict[str, float] = {}
    gauges: dict[str, float] = {}

    def add(self, other: Snapshot, *, living: bool = True) -> None:
        """Add what another counted; the gauges of a process that has ended say nothing more."""
        for name, counts in other.counters.items():
            own = self.counters.setdefault(name, {})
            for label, value in counts.items():
                own[label] = own.get(label, 0) + value
        for version, buckets in other.latency.items():
            before = self.latency.get(version, [0] * len(buckets))
            self.latency[version] = [a + b for a, b in zip(before, buckets, strict=True)]
        for version, seconds in other.seconds.items():
            self.seconds[version] = self.seconds.get(version, 0.0) + seconds
        for name, gauge in other.gauges.items() if living else ():
            now = self.gauges.get(name, 0.0)
            self.gauges[name] = max(now, gauge) if name in _WORST else now + gauge

    def text(self) -> str:
        """Return the page that a Prometheus server scrapes."""
        lines: list[str] = []
        for name, about in _COUNTERS.items():
            lines += [f"# HELP mlwright_{name} {about}", f"# TYPE mlwright_{name} counter"]
            labels = self.counters.get(name) or {"": 0}
            lines += [f"mlwright_{name}{_braced(label)} {value}" for label, value in labels.items()]
        for name, about in _QUERIES.items():
            if answered := self.counters.get(name):
                lines += [f"# HELP mlwright_{name} {about}", f"# TYPE mlwright_{name} counter"]
                lines += [f"mlwright_{name}{_braced(each)} {n}" for each, n in answered.items()]
        streams = {name: about for name, about in _STREAM_GAUGES.items() if name in self.gauges}
        for name, about in (_GAUGES | streams).items():
            lines += [f"# HELP mlwright_{name} {about}", f"# TYPE mlwright_{name} gauge"]
            lines.append(f"mlwright_{name} {self.gauges.get(name, 0.0):g}")
        return "\n".join(lines + self._histogram()) + "\n"

    def _histogram(self) -> list[str]:
        name = "mlwright_request_seconds"
        lines = [f"# HELP {name} Time to answer a prediction request.", f"# TYPE {name} histogram"]
        for version in sorted(self.latency, key=int)[-_VERSIONS:]:
            total = 0
            for edge, count in zip((*BUCKETS, "+Inf"), self.latency[version], strict=True):
                total += count
                lines.append(f'{name}_bucket{{version="{version}",le="{edge}"}} {total}')
            lines.append(f'{name}_sum{{version="{version}"}} {self.seconds[version]:.6f}')
            lines.append(f'{name}_count{{version="{version}"}} {total}')
        return lines


class Metrics:
    """What one worker counts about itself; the labels are bounded, whatever clients send."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[str]] = {
            name: Counter() for name in (*_COUNTERS, *_QUERIES)
        }
        self._status: Counter[int] = Counter()
        self._latency: dict[int, list[int]] = {}
        self._seconds: dict[int, float] = {}

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """Add to a counter; the label is already in Prometheus' form, as `kind="json"`."""
        self._counters[name][label] += by

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._status[answer.status] += 1
        if answer.kind:
            self.count("errors_total", f'kind="{answer.kind}"')

    def observe(self, version: int, seconds: float) -> None:
        """Put one answer of this version into the latency histogram."""
        counts = self._latency.get(version)
        if counts is None:
            counts = self._latency[version] = [0] * (len(BUCKETS) + 1)
            self._seconds[version] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[version] += seconds

    def snapshot(self, gauges: Mapping[str, float] | None = None) -> Snapshot:
        """Return a copy of what was counted, with the gauges of this moment."""
        counters = {name: dict(counter) for name, counter in self._counters.items() if counter}
        if self._status:
            labels = sorted(self._status.items())
            counters["requests_total"] = {f'status="{status}"': n for status, n in labels}
        return Snapshot(
            counters,
            {str(version): list(counts) for version, counts in self._latency.items()},
            {str(version): seconds for version, seconds in self._seconds.items()},
            dict(gauges or {}),
        )


def label(name: str, value: str) -> str:
    r"""Return one label in Prometheus' form, escaped.

    >>> label("column", 'a"b')
    'column="a\\"b"'
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""
