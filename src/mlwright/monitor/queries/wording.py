"""The words of a check of a query log: its verdict, its alert, its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.alerts.alert import Alert
from mlwright.core import clock
from mlwright.stats.intervals import Interval

from .changes import OF_QUESTIONS, Change

if TYPE_CHECKING:
    from .check import QueryCheck

NAMES = {
    "refusals": "refusals",
    "empty_retrievals": "empty retrievals",
    "cache_hits": "cache hits",
    "positive_feedback": "liked answers",
}
_MOST_WORDS = 3


def sentence(check: QueryCheck) -> str:
    """Return the verdict as a sentence that stands on its own."""
    queries = f"{check.rows:,} {'question' if check.rows == 1 else 'questions'}"
    if check.verdict == "not_enough_data":
        from .check import FEWEST_QUERIES

        if check.rows < FEWEST_QUERIES:
            return f"Not enough data: {queries}, {FEWEST_QUERIES} are needed."
        return f"Not enough data: nothing is there to compare {queries} with."
    if check.verdict == "ok":
        judged = ", ".join(_subject(change) for change in check.changes.judged)
        return f"No change over {queries} (judged: {judged})."
    said = [change_words(change) for change in check.changed if change.kind == "share"]
    asked = [change for change in check.changed if change.kind == "questions"]
    if asked:
        first = asked[0].words[:_MOST_WORDS]
        words = f" ({', '.join(repr(each.word) for each in first)})" if first else ""
        said.append(f"what is asked differs from {OF_QUESTIONS[asked[0].name]}{words}")
    whole = "; ".join(said)
    return f"{whole[0].upper()}{whole[1:]}, over {queries}."


def _subject(change: Change) -> str:
    return NAMES.get(change.name) or OF_QUESTIONS[change.name]


def change_words(change: Change) -> str:
    """Say what changed, in words."""
    if change.now and change.before:
        verb = "rose" if change.now.value > change.before.value else "fell"
        before, now = percent(change.before.value), percent(change.now.value)
        return f"{NAMES[change.name]} {verb} from {before} to {now}"
    return f"what is asked differs from {OF_QUESTIONS[change.name]}: {words_of(change)}"


def words_of(change: Change) -> str:
    """Name the words that became more frequent, and those that became rarer."""
    parts = []
    for more, text in ((True, "more of"), (False, "fewer of")):
        words = [each for each in change.words if (each.current > each.reference) == more]
        named = [
            f"{each.word!r} ({percent(each.reference)} to {percent(each.current)})"
            for each in words[:_MOST_WORDS]
        ]
        if named:
            parts.append(f"{text} {', '.join(named)}")
    return "; ".join(parts) or "no single word alone"


def not_judged(check: QueryCheck) -> list[str]:
    """Say what could not be judged, and why, alike together."""
    by_reason: dict[str, list[str]] = {}
    for name, why in check.changes.unjudged.items():
        by_reason.setdefault(why, []).append(NAMES.get(name) or OF_QUESTIONS[name])
    return [f"not judged: {', '.join(names)} ({why})" for why, names in by_reason.items()]


def percent(value: float) -> str:
    """Write a share.

    >>> percent(0.125), percent(0.0)
    ('12.5%', '0%')
    """
    return f"{100 * value:.3g}%"


def spread(value: Interval | None) -> str:
    """Write a share with its interval and n."""
    if value is None:
        return "not enough data"
    return f"{percent(value.value)} ({percent(value.low)} to {percent(value.high)}) n={value.n:,}"


def milliseconds(value: Interval | None) -> str:
    """Write a latency with its interval and n."""
    if value is None:
        return "not enough data"
    return f"{value.value:.4g} ms ({value.low:.4g} to {value.high:.4g}) n={value.n:,}"


def index_lines(check: QueryCheck) -> list[str]:
    """Say how old the index is."""
    age = check.age
    lines = [f"built {_ago(check.time - age.built)} ago from {age.documents:,} documents"]
    if age.newest is not None:
        newest = f"{clock.iso(age.newest)[:10]}, {_ago(check.time - age.newest)} ago"
        lines.append(f"the newest of {age.dated:,} dated documents is of {newest}")
    else:
        lines.append("no document names its date")
    if age.newer_files:
        files = "1 file" if age.newer_files == 1 else f"{age.newer_files:,} files"
        verb = "is" if age.newer_files == 1 else "are"
        lines.append(
            f"{files} under {age.path} {verb} newer than it; mlwright rag build reads them"
        )
    return lines


def _ago(seconds: float) -> str:
    for width, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * width:
            return f"{seconds / width:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def causes(check: QueryCheck) -> tuple[str, ...]:
    """Return the likely causes, ranked: a new version, other questions, an old index."""
    found = noticed(check)
    if check.age.newer_files:
        found.append(index_lines(check)[-1])
    if not found:
        return ("No cause stands in the log; the report names what was refused most often",)
    return ("What else the check saw, likely causes first:", *found)


def noticed(check: QueryCheck) -> list[str]:
    """Say what may be behind a change: a version that is new, other questions."""
    found = []
    fresh = [version for version in check.now.versions if version not in check.before.versions]
    if fresh and check.before.queries:
        counts = ", ".join(f"version {v} ({check.now.versions[v]:,})" for v in fresh)
        found.append(f"new among those who answer: {counts}")
    return found + [change_words(each) for each in check.changed if each.kind == "questions"]


def action(check: QueryCheck) -> str:
    """Return the command that answers the verdict."""
    if check.verdict == "drift":
        return f"mlwright rag evaluate --name {check.model} --test-queries QUESTIONS.json"
    return f"mlwright monitor report {check.environment} --period last_7_days"


def alert_of(check: QueryCheck) -> Alert | None:
    """Return what someone has to be told of, or None."""
    if check.verdict not in ("degraded", "drift"):
        return None
    kind = "answers_degraded" if check.verdict == "degraded" else "query_drift"
    first = next(c for c in check.changed if c.worse or check.verdict == "drift")
    if first.now and first.before:
        value, limit = spread(first.now), f"{percent(first.before.value)} before"
    else:
        value, limit = words_of(first), f"{check.policy.effect_floor:g}"
    return Alert(
        kind=kind,
        model=f"{check.model}:{check.version}",
        environment=check.environment,
        what=NAMES.get(first.name, "questions").capitalize(),
        value=value,
        threshold=limit,
        causes=causes(check),
        action=action(check),
        key=f"{check.environment}/{check.model}/{check.version}/{kind}",
        time=check.time,
    )
