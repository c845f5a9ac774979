"""The report of a rollback as a page: the same facts as in Markdown, with the evidence drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlwright.core import clock
from mlwright.report import figures
from mlwright.report.page import Figure, Items, Section, Table, Text, Tiles, render
from mlwright.stats.intervals import Interval

from .incident import of


def page(facts: dict[str, Any]) -> str:
    """Return the report as one HTML file that opens offline."""
    name, back = f"{facts['model']}:{facts['version']}", f"{facts['model']}:{facts['replaces']}"
    affected = facts["affected"]
    tiles = {
        "requests to it": affected["requests"],
        "failed there": affected["failed"] if affected["failed"] is not None else "not counted",
        "answered in its place": back,
        "seconds with traffic": round(facts["ended"] - facts["started"], 1),
    }
    return render(
        f"Incident: {name} rolled back in {facts['environment']}",
        [
            Section("What happened", facts["reason"], "bad", [Tiles(tiles), _timeline(facts)]),
            Section(
                "Evidence",
                "How strongly each guard spoke against it, and when.",
                parts=list(_evidence(facts)),
            ),
            Section("Kinds of errors", parts=[_errors(facts)]),
            Section("What differs", parts=[_differences(facts)]),
            Section("What to check", parts=[Items(facts["checks"])]),
        ],
        subtitle=f"{clock.iso(facts['started'])} to {clock.iso(facts['ended'])}, "
        f"by {facts['who']}; {back} answers everything again",
    )


def _timeline(facts: dict[str, Any]) -> Table:
    rows = [
        [clock.iso(entry["time"]), entry["what"], entry["detail"].get("reason", "")]
        for entry in facts["timeline"]
    ]
    return Table(["time", "what", "why"], rows, "Time line")


def _evidence(facts: dict[str, Any]) -> Iterator[Table | Figure]:
    guards = facts["guards"]
    rows = [
        [
            f"{guard['guard']}={guard['limit']}",
            of(guard["champion"]),
            of(guard["candidate"]),
            _interval(guard.get("difference")),
            guard["e_value"],
            guard["threshold"],
        ]
        for guard in guards
    ]
    marked = frozenset(i for i, guard in enumerate(guards) if guard["worse"])
    heads = ["guard", "champion", "candidate", "difference", "e-value", "decides at"]
    yield Table(heads, rows, marked=marked)
    for guard in guards:
        points = guard.get("history", [])
        if len(points) > 1:
            yield Figure(
                figures.evidence(
                    [point["time"] for point in points],
                    [point["log10_e"] * math.log(10) for point in points],
                    alpha=1 / guard["threshold"],
                    label=f"{guard['guard']}={guard['limit']}",
                ),
                guard["verdict"],
            )
    shifts = [(e["time"], e["detail"]["weight"]) for e in facts["timeline"] if e["what"] == "shift"]
    if shifts:
        times, shares = zip(*shifts, (facts["ended"], 0.0), strict=True)
        label = f"share of traffic of {facts['model']}:{facts['version']}"
        yield Figure(figures.traffic(times, shares, label=label), "What it was given, and when.")


def _errors(facts: dict[str, Any]) -> Table | Text:
    if not facts["errors"]:
        return Text("Its workers wrote of none: the answers were late, or wrong, or did not come.")
    rows = [[each["count"], each["kind"]] for each in facts["errors"]]
    return Table(["times", "as its workers said it"], rows)


def _differences(facts: dict[str, Any]) -> Table | Text:
    old, new = facts["versions"]["old"], facts["versions"]["new"]
    rows = [
        [key, _cell(old.get(key)), _cell(new.get(key))]
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    if not rows:
        return Text("Nothing that the bundles know of.")
    return Table(["", f"version {facts['replaces']}", f"version {facts['version']}"], rows)


def _interval(found: dict[str, Any] | None) -> Interval | None:
    return Interval(found["value"], found["low"], found["high"], found["n"]) if found else None


def _cell(value: Any) -> str | int | float | None:
    return value if isinstance(value, int | float | None) else str(value)
