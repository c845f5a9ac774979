"""A report of questions as a page: the verdict and the figures first, then changes and course."""

from __future__ import annotations

from mlwright.core import clock
from mlwright.report import timeline
from mlwright.report.page import (
    Cell,
    Figure,
    Items,
    Part,
    Section,
    Table,
    Text,
    Tiles,
    Tone,
    render,
    shown,
)
from mlwright.stats.intervals import Interval

from ..check import Verdict
from . import wording
from .changes import OF_QUESTIONS, Change
from .report import FEWEST_CALLERS, QueryReport

_TONES: dict[Verdict, Tone] = {
    "ok": "good",
    "drift": "bad",
    "degraded": "bad",
    "not_enough_data": "unsure",
}
_FEW = "not enough data"


def page(made: QueryReport) -> str:
    """Return the report as one HTML file that opens offline."""
    check = made.check
    lead = Section("Verdict", check.sentence, _TONES[check.verdict], _lead(made))
    return render(
        f"{check.environment}: {check.model}:{check.version}",
        [lead, *_changes(made), _figures(made), *_refused(made), *_course(made), *_words(made)],
        subtitle=f"{_moment(check.since)} to {_moment(check.until)}, UTC",
    )


def _moment(seconds: float) -> str:
    return clock.iso(seconds)[:16].replace("T", " ")


def _lead(made: QueryReport) -> list[Part]:
    now = made.check.now
    tiles: dict[str, Cell] = {
        "questions": now.queries,
        "refused, %": _percent(now.interval("refusals")),
        "nothing found, %": _percent(now.interval("empty_retrievals")),
        "liked, % of rated": _percent(now.interval("positive_feedback")),
        "p95 latency, ms": now.latency_ms["p95"] or _FEW,
        "cost, $": round(now.cost_total, 4),
    }
    index = [f"The index: {line}." for line in wording.index_lines(made.check)]
    said = [f"{words[0].upper()}{words[1:]}." for words in wording.noticed(made.check)]
    return [Tiles(tiles), Items([*said, *index])]


def _percent(value: Interval | None) -> Cell:
    if value is None:
        return _FEW
    return Interval(100 * value.value, 100 * value.low, 100 * value.high, value.n)


def _changes(made: QueryReport) -> list[Section]:
    judged = made.check.changes.judged
    rows: list[list[Cell]] = [[_name(c.name), _was(c), _is(c), c.effect, c.p_value] for c in judged]
    parts: list[Part] = []
    if rows:
        parts.append(
            Table(
                ["what", "before", "now", "effect", "p"],
                rows,
                caption=f"Before: from {_moment(made.check.before_since)} on. Marked is what "
                "changed beyond chance and by more than the floor.",
                marked=frozenset(i for i, change in enumerate(judged) if change.changed),
            )
        )
    parts += [
        Table(
            [f"word, against {OF_QUESTIONS[change.name]}", "share before, %", "share now, %"],
            [[w.word, 100 * w.reference, 100 * w.current] for w in change.words],
        )
        for change in judged
        if change.changed and change.words
    ]
    if unjudged := wording.not_judged(made.check):
        parts.append(Items(unjudged))
    return [Section("What changed", parts=parts)] if parts else []


def _name(name: str) -> str:
    return wording.NAMES.get(name) or f"against {OF_QUESTIONS[name]}"


def _was(change: Change) -> str:
    return wording.spread(change.before) if change.before else f"{change.n_reference:,} questions"


def _is(change: Change) -> str:
    return wording.spread(change.now) if change.now else f"{change.n_current:,} questions"


def _figures(made: QueryReport) -> Section:
    check = made.check
    now, before = check.now, check.before
    rows: list[list[Cell]] = [
        [name, wording.spread(now.interval(key)), wording.spread(before.interval(key))]
        for key, name in wording.NAMES.items()
    ]
    rows += [
        [
            f"latency {name}",
            wording.milliseconds(value),
            wording.milliseconds(before.latency_ms[name]),
        ]
        for name, value in now.latency_ms.items()
    ]
    rows.append(["cost of a question, $", *(shown(each.cost or _FEW) for each in (now, before))])
    rows.append(["failed requests", wording.spread(check.errors) if check.errors else "-", "-"])
    table = Table(["figure", "now (95%)", "before (95%)"], rows)
    votes = ", ".join(f"{count:,} {name}" for name, count in now.ratings.items())
    versions = ", ".join(f"version {v}: {count:,}" for v, count in now.versions.items())
    said = [f"Ratings: {votes}.", f"Answered by {versions or 'no version'}."]
    if now.uncosted:
        said.append(f"The cost of {now.uncosted:,} questions is not known.")
    said += [f"Left out: {count:,} {reason}." for reason, count in check.left_out.items()]
    if not check.errors:
        said.append("No rollout was under way; failed requests are in the server's own counters.")
    return Section("Figures", parts=[table, Items(said)])


def _refused(made: QueryReport) -> list[Section]:
    if not made.refused:
        return []
    table = Table(["question", "callers"], [[text, count] for text, count in made.refused])
    words = f"Questions that were refused to {FEWEST_CALLERS} callers or more."
    return [Section("Refused most often", parts=[Text(words), table])]


def _course(made: QueryReport) -> list[Section]:
    if not made.check.rows:
        return []
    times = [span.since for span in made.spans]
    every = f"every {made.width / 3600:.0f} h"
    parts: list[Part] = [
        Figure(
            timeline.amounts(times, [s.queries for s in made.spans], label="questions"),
            f"Questions answered {every}.",
        ),
        Figure(
            timeline.amounts(
                times, [_or_nan(s.p95_ms) for s in made.spans], label="p95 latency, ms"
            ),
            f"95th percentile of the latency, {every}.",
        ),
    ]
    points = [(span.since, span.refusals) for span in made.spans if span.refusals]
    baseline = made.check.before.interval("refusals") or made.check.now.interval("refusals")
    if points and baseline:
        what = "before" if made.check.before.interval("refusals") else "of the whole period"
        drawing = timeline.measured(points, baseline=baseline, label="share refused")
        parts.append(
            Figure(drawing, f"Refusals {every} with 95% intervals; the band is that {what}.")
        )
    return [Section("Over time", parts=parts)]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _words(made: QueryReport) -> list[Section]:
    policy = made.check.policy
    words = (
        "A change is told where it is beyond chance (Benjamini-Hochberg over all that is judged, "
        f"q = {policy.drift_threshold:g}) and its effect above {policy.effect_floor:g}: percentage "
        "points of a share, or of the share of questions with a word. Requests with one routing "
        "key count as one caller's; those without a key count each by itself."
    )
    return [Section("How it is judged", parts=[Text(words)])]
