"""What changed in how questions are answered, and in what is asked: tested, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from mlwright.core.settings import Monitor
from mlwright.predictions.query_log import Asked
from mlwright.stats.clustered import Share, compare_shares
from mlwright.stats.discovery import discoveries
from mlwright.stats.intervals import Interval
from mlwright.stats.word_shift import Word, word_shift

from .figures import Figures, units

FEWEST_EFFECTIVE = 30  # requests of a share, those of one caller counted as alike as they are
FEWEST_QUESTIONS = 20
Kind = Literal["share", "questions"]

_WORSE_UP = {"refusals": True, "empty_retrievals": True, "positive_feedback": False}
OF_QUESTIONS = {
    "questions_before": "the questions of the days before",
    "questions_evaluated": "the questions of the evaluation set",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was compared; `changed` holds beyond chance and above the effect floor.

    Of a share, `now` and `before` are there; of questions, the words that became more or less
    frequent. `worse` says that a share changed to the worse.
    """

    name: str
    kind: Kind
    p_value: float
    effect: float
    n_reference: int
    n_current: int
    changed: bool = False
    worse: bool = False
    now: Interval | None = None
    before: Interval | None = None
    words: tuple[Word, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        told: dict[str, Any] = {
            "name": self.name,
            "changed": self.changed,
            "worse": self.worse,
            "p_value": self.p_value,
            "effect": self.effect,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
        }
        if self.now and self.before:
            return {**told, "now": self.now.to_json(), "before": self.before.to_json()}
        words = [
            {"word": each.word, "reference": each.reference, "current": each.current}
            for each in self.words
        ]
        return {**told, "words": words}


@dataclass(frozen=True, slots=True)
class Changes:
    """All that was compared, what speaks first, and why the rest could not be: name -> reason."""

    judged: tuple[Change, ...]
    unjudged: Mapping[str, str]


def changes(
    now: Asked,
    before: Asked,
    measured: tuple[Figures, Figures],
    evaluated: Sequence[str],
    policy: Monitor,
) -> Changes:
    """Compare a span with the one before, and its questions with those of the evaluation set.

    A change is told where Benjamini-Hochberg over all of them, at the policy's false-discovery
    rate, says so and its effect is above the policy's floor: percentage points of a share, or of
    the share of questions with a word.

    Args:
        now: the span.
        before: the span that it is compared with.
        measured: the figures of both, in this order.
        evaluated: the questions of the evaluation set; none where none is known.
        policy: when to speak.
    """
    found = [*_shares(*measured), *_questions(now, before, evaluated)]
    tested = [each for each in found if isinstance(each, Change)]
    unjudged = dict(each for each in found if not isinstance(each, Change))
    if not tested:
        return Changes((), unjudged)
    changed = discoveries(
        [each.p_value for each in tested],
        [each.effect for each in tested],
        q=policy.drift_threshold,
        floor=policy.effect_floor,
    )
    judged = [
        replace(each, changed=bool(is_changed), worse=bool(is_changed) and _is_worse(each))
        for each, is_changed in zip(tested, changed, strict=True)
    ]
    judged.sort(key=lambda each: (not each.worse, not each.changed, -each.effect))
    return Changes(tuple(judged), unjudged)


def _is_worse(change: Change) -> bool:
    if change.now is None or change.before is None:
        return False
    return (change.now.value > change.before.value) == _WORSE_UP[change.name]


def _shares(now: Figures, before: Figures) -> Iterator[Change | tuple[str, str]]:
    for name in _WORSE_UP:
        one, other = before.shares.get(name), now.shares.get(name)
        if one is None or other is None or min(one.effective, other.effective) < FEWEST_EFFECTIVE:
            what = "ratings" if name == "positive_feedback" else "questions"
            sizes = (int(side.effective) if side else 0 for side in (one, other))
            yield name, _few(FEWEST_EFFECTIVE, f"independent {what}", *sizes)
        else:
            yield _share(name, one, other)


def _share(name: str, before: Share, now: Share) -> Change:
    test = compare_shares(before, now)
    return Change(
        name,
        "share",
        test.p_value,
        test.effect,
        before.interval.n,
        now.interval.n,
        now=now.interval,
        before=before.interval,
    )


def _questions(
    now: Asked, before: Asked, evaluated: Sequence[str]
) -> Iterator[Change | tuple[str, str]]:
    asked = _texts(now.queries)
    if now.queries.height and not asked:
        for name in OF_QUESTIONS:
            yield name, "the log keeps no words (api.log_text: false)"
        return
    sides = {
        "questions_before": _texts(before.queries),
        "questions_evaluated": [[text] for text in evaluated],
    }
    for name, reference in sides.items():
        if name == "questions_evaluated" and not evaluated:
            yield name, "none is kept; mlwright rag evaluate keeps its questions"
        elif min(len(reference), len(asked)) < FEWEST_QUESTIONS:
            yield name, _few(FEWEST_QUESTIONS, "questions", len(reference), len(asked))
        else:
            test = word_shift(reference, asked)
            sizes = test.n_reference, test.n_current
            yield Change(name, "questions", test.p_value, test.effect, *sizes, words=test.words)


def _few(fewest: int, what: str, before: int, now: int) -> str:
    return f"{fewest} {what} on both sides are needed, there are {before:,} and {now:,}"


def _texts(table: pl.DataFrame) -> list[list[str]]:
    """Return the questions of each caller."""
    if not table.height:
        return []
    asked = table.select("query", unit=pl.Series(np.asarray(units(table)))).drop_nulls("query")
    grouped = asked.group_by("unit", maintain_order=True).agg("query")
    return [list(texts) for texts in grouped["query"].to_list()]
