"""The results of an A/B test as a page."""

from __future__ import annotations

from collections.abc import Iterator

from mlwright.report import figures
from mlwright.report.page import Cell, Figure, Part, Section, Table, Text, Tiles, Tone, render

from .abtest import WINNERS, Report


def page(found: Report) -> str:
    """Return the report as one HTML file that opens offline."""
    about = found.release.options["abtest"]
    sections = [_result(found), _split(found), _metrics(found)]
    if found.segments:
        sections.append(_segments(found))
    if found.guards:
        sections.append(_guards(found))
    return render(
        f"Experiment in {found.release.environment}: {about['a']} against {about['b']}",
        sections,
        subtitle=f"A is {about['a']}, B is {about['b']}; {found.state}, {found.days:.2f} of "
        f"{found.planned_days:g} days",
    )


def _result(found: Report) -> Section:
    tone: Tone = "good" if found.winner in ("a", "b") else "plain"
    verdict = f"Winner: {WINNERS[found.winner]}."
    if found.split.get("mismatch"):
        tone, verdict = "bad", "Nothing can be concluded: the split is wrong (see below)."
    tiles: dict[str, Cell] = {
        "units": found.units,
        "days": round(found.days, 2),
        "metrics": len(found.compared),
        "that differ": sum(each.found for each in found.compared),
    }
    how = (
        "It has run as long as planned: intervals and tests are those of a fixed horizon."
        if found.state == "over"
        else "It has not run as long as planned: intervals and tests hold at any time, so that it "
        "may be looked at as often as you like; they are wider for it."
    )
    unit = "A unit is a routing key with all its requests, or a request that has none."
    rate = "Of the differences that are called found, 5% are expected to be none."
    return Section("Result", verdict, tone, [Tiles(tiles), Text(f"{how} {unit} {rate}")])


def _split(found: Report) -> Section:
    split = found.split
    if not split.get("units"):
        return Section("Split of the units", "None has come yet.")
    rows: list[list[Cell]] = [
        [
            split["units"],
            split["candidate"],
            split["expected"],
            split["candidate"] / split["units"],
            split["e_value"],
            split["threshold"],
        ]
    ]
    heads = ["units", "to B", "meant for B", "share of B", "e-value of a mismatch", "decides at"]
    bad = bool(split["mismatch"])
    verdict = (
        "Sample-ratio mismatch: B did not get its share, so the two groups are not alike."
        if bad
        else "B gets its share: no sample-ratio mismatch."
    )
    marked = frozenset({0} if bad else ())
    return Section(
        "Split of the units", verdict, "bad" if bad else "good", [Table(heads, rows, marked=marked)]
    )


def _metrics(found: Report) -> Section:
    rows: list[list[Cell]] = [
        [each.metric, each.a, each.b, each.difference, each.word] for each in found.compared
    ]
    rows += [[name, None, None, None, "not enough data"] for name in found.missing]
    marked = frozenset(i for i, each in enumerate(found.compared) if each.better is False)
    parts: list[Part] = [Table(["metric", "A", "B", "B - A", "found"], rows, marked=marked)]
    return Section("Metrics", parts=[*parts, *_drawn(found)])


def _drawn(found: Report) -> Iterator[Figure]:
    for each in found.compared:
        drawn = figures.intervals([("A", each.a), ("B", each.b)], label=each.metric)
        yield Figure(drawn, f"{each.metric}: {each.word}.")


def _segments(found: Report) -> Section:
    rows: list[list[Cell]] = [
        [f"{column} = {value}", each.a, each.b, each.difference, each.word]
        for column, value, each in found.segments
    ]
    heads = ["segment", "A", "B", "B - A", "found"]
    text = f"{found.compared[0].metric if found.compared else ''} within the commonest values."
    return Section("Segments", parts=[Text(text), Table(heads, rows)])


def _guards(found: Report) -> Section:
    rows: list[list[Cell]] = [
        [f"{guard['guard']}={guard['limit']}", guard["verdict"]] for guard in found.guards
    ]
    marked = frozenset(i for i, guard in enumerate(found.guards) if guard["worse"])
    return Section("Guards", parts=[Table(["guard", "what it found"], rows, marked=marked)])
