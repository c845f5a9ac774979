"""The page of a load test."""

from __future__ import annotations

from mlwright.deploy.loadtest import LoadTest, Step
from mlwright.report import latency
from mlwright.report.page import Cell, Figure, Items, Part, Section, Table, Text, Tiles, render


def page(found: LoadTest) -> str:
    """Return the page as HTML, complete in itself."""
    sections = [_answer(found), _latency(found)]
    if found.searched:
        sections.append(_search(found))
    return render(f"Load test of {found.url}", sections, subtitle=_how(found))


def _how(found: LoadTest) -> str:
    arrivals = "by chance (Poisson)" if found.arrivals == "poisson" else "evenly spaced"
    return f"{found.connections} connections; arrivals {arrivals}, not waiting for answers"


def _answer(found: LoadTest) -> Section:
    shown = found.best or found.steps[-1]
    load, known = shown.load, shown.load.latencies.to_json()
    tiles: dict[str, Cell] = {
        "requests a second": load.throughput,
        "requests": load.requests,
        "failed": load.failed,
        **{f"{name}, ms": known[name] for name in ("p50", "p95", "p99", "max")},
    }
    parts: list[Part] = [Tiles(tiles)]
    if load.failures:
        rows: list[list[Cell]] = [[kind, count] for kind, count in load.failures.most_common()]
        parts.append(Table(["failure", "requests"], rows))
    if found.notices:
        parts.append(Items(found.notices))
    if found.objective is None:
        return Section("Result", "No objective was stated.", "plain", parts)
    if not found.met:
        return Section("Result", f"{found.objective.text} is not kept.", "bad", parts)
    border = " up to this rate" if found.searched else ""
    return Section("Result", f"{found.objective.text} is kept{border}.", "good", parts)


def _latency(found: LoadTest) -> Section:
    shown = found.best or found.steps[-1]
    limit = found.objective.seconds if found.objective else None
    text = (
        "Each request counts from the moment it was due, whether or not a connection was free, so "
        "that a server that stalls shows it. Percentiles are exact to 0.5%."
    )
    figure = latency.percentiles(shown.load.latencies.curve(), limit=limit)
    return Section("Latency", parts=[Figure(figure, "Milliseconds by percentile."), Text(text)])


def _search(found: LoadTest) -> Section:
    ordered = sorted(found.steps, key=lambda step: step.rate)
    rows = [_row(step) for step in ordered]
    marked = frozenset(i for i, step in enumerate(ordered) if not step.met)
    head = ["requests/s", "answered/s", "failed", "p50 ms", "p95 ms", "p99 ms", "kept"]
    parts: list[Part] = [Table(head, rows, marked=marked)]
    if found.objective is not None:
        percent = found.objective.percent
        lines = {
            f"p{level:g}": [(step.rate, step.load.latencies.percentile(level)) for step in ordered]
            for level in dict.fromkeys((50.0, percent))
        }
        figure = latency.by_rate(lines, limit=found.objective.seconds)
        parts.append(Figure(figure, "The dashed line is the objective."))
    return Section("Rates that were tried", parts=parts)


def _row(step: Step) -> list[Cell]:
    known = step.load.latencies.to_json()
    return [
        step.rate,
        step.load.throughput,
        step.load.failed,
        *(known[name] for name in ("p50", "p95", "p99")),
        "yes" if step.met else "no",
    ]
