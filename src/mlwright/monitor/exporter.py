"""The newest check of every environment in Prometheus' text form, and a server of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mlwright.core.clock import moment
from mlwright.core.errors import Busy, MlwrightError
from mlwright.core.workspace import Workspace

_MOST_FEATURES = 200  # of each check, the ones that matter most: series are bounded
VERDICTS = ("ok", "drift", "degraded", "not_enough_data")
GAUGES = {
    "check_timestamp_seconds": "When the newest check was done, seconds since 1970.",
    "check_rows": "Rows in the window of the newest check.",
    "check_skipped_rows": "Lines of that window that could not be read.",
    "check_labelled_rows": "Rows of that window with a true label.",
    "check_verdict": "1 for the verdict of the newest check, 0 for the others.",
    "check_drifted_features": "Features that drifted.",
    "check_drift_score": "How far a feature is from the reference, 0..1; joint drift has none.",
    "check_metric": "A metric of the labelled rows, by name.",
    "check_metric_low": "The lower end of its interval.",
    "check_metric_high": "The upper end of its interval.",
    "check_metric_baseline": "The metric when the model was trained.",
    "check_latency_seconds": "A quantile of the time to answer in that window.",
    "check_fallbacks": "Requests of that window that fell back to the champion.",
    "open_alerts": "Alerts that are open, by kind.",
}

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


def text(workspace: Workspace) -> str:
    """Return the page that a Prometheus server scrapes."""
    samples: dict[str, list[Sample]] = {}
    for sample in _samples(workspace):
        samples.setdefault(sample[0], []).append(sample)
    lines = []
    for name, about in GAUGES.items():
        lines += [f"# HELP mlwright_{name} {about}", f"# TYPE mlwright_{name} gauge"]
        lines += map(_line, samples.get(name, ()))
    return "\n".join(lines) + "\n"


def _samples(workspace: Workspace) -> Iterator[Sample]:
    from sqlalchemy import func, select

    from mlwright.core.state import alerts, checks

    newest = select(func.max(checks.c.id)).group_by(checks.c.environment)
    is_open = alerts.c.closed.is_(None)
    with workspace.state.read() as connection:
        found = connection.execute(select(checks.c.result).where(checks.c.id.in_(newest)))
        results = list(found.scalars())
        told = list(connection.execute(select(alerts.c.alert).where(is_open)).scalars())
    for result in results:
        where = {"environment": result["environment"], "model": result["model"]}
        yield from _check({**where, "version": str(result["version"])}, result)
        mine = [alert["kind"] for alert in told if alert["environment"] == where["environment"]]
        for kind in sorted({"data_drift", "performance_degradation", *mine}):
            yield "open_alerts", {**where, "kind": kind}, float(mine.count(kind))


def _check(labels: Labels, result: Mapping[str, Any]) -> Iterator[Sample]:
    yield "check_timestamp_seconds", labels, moment(result["time"])
    for verdict in VERDICTS:
        yield "check_verdict", {**labels, "verdict": verdict}, float(verdict == result["verdict"])
    of_kind = _queries if result.get("kind") == "queries" else _rows
    yield from of_kind(labels, result)


def _queries(labels: Labels, result: Mapping[str, Any]) -> Iterator[Sample]:
    """Give what a check of a query log measured; what went before is the baseline."""
    yield "check_rows", labels, result["queries"]
    yield "check_skipped_rows", labels, result["left_out"].get("damaged lines", 0)
    yield "check_fallbacks", labels, result["fallbacks"]
    for name in ("refusals", "empty_retrievals", "cache_hits", "positive_feedback", "cost"):
        where, now, before = {**labels, "metric": name}, result[name], result["before"][name]
        if now:
            yield "check_metric", where, now["value"]
            yield "check_metric_low", where, now["low"]
            yield "check_metric_high", where, now["high"]
        if before:
            yield "check_metric_baseline", where, before["value"]
    for name, latency in result["latency_ms"].items():
        if latency:
            yield _quantile(labels, name, latency["value"])


def _quantile(labels: Labels, name: str, milliseconds: float) -> Sample:
    quantile = f"{float(name[1:]) / 100:g}"
    return "check_latency_seconds", {**labels, "quantile": quantile}, milliseconds / 1000


def _rows(labels: Labels, result: Mapping[str, Any]) -> Iterator[Sample]:
    yield "check_rows", labels, result["rows"]
    yield "check_skipped_rows", labels, result["skipped_rows"]
    yield "check_labelled_rows", labels, result["labelled"]
    yield "check_drifted_features", labels, len(result["drifted"])
    yield "check_fallbacks", labels, result["fallbacks"]
    for finding in result["findings"][:_MOST_FEATURES]:
        where = {**labels, "feature": finding["feature"], "kind": finding["kind"]}
        yield "check_drift_score", where, finding["effect"]
    for test in (result.get("joint") or {"tests": ()})["tests"]:
        where = {**labels, "feature": "", "kind": test["kind"]}
        yield "check_drift_score", where, test["effect"]
    for name, metric in result["performance"].get("metrics", {}).items():
        where, now = {**labels, "metric": name}, metric["current"]
        yield "check_metric", where, now["value"]
        yield "check_metric_low", where, now["low"]
        yield "check_metric_high", where, now["high"]
        if metric["baseline"]:
            yield "check_metric_baseline", where, metric["baseline"]["value"]
    guessed = result.get("estimate") or {}  # a check of an earlier release has none
    for name, now in guessed["metrics"].items() if guessed.get("reliable") else ():
        where = {**labels, "metric": f"estimated_{name}"}
        yield "check_metric", where, now["value"]
        yield "check_metric_low", where, now["low"]
        yield "check_metric_high", where, now["high"]
    for name, latency in result["latency_ms"].items():
        if latency is not None:
            yield _quantile(labels, name, latency)


def _line(sample: Sample) -> str:
    name, labels, value = sample
    written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"mlwright_{name}{{{written}}} {value if math.isfinite(value) else 'NaN'}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def server(workspace: Workspace, *, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server of the page at /metrics, which is bound and not yet serving.

    Raises:
        Busy: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/metrics":
                self._answer(404, "the metrics are at /metrics\n")
                return
            try:
                self._answer(200, text(workspace))
            except MlwrightError as exc:
                self._answer(503, f"{exc}\n")

        def _answer(self, status: int, body: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as exc:
        raise Busy(
            f"{host}:{port} cannot be listened on: {exc.strerror}", hint="give another --port"
        ) from exc
