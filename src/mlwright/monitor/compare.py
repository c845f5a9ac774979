"""A sample against a reference: drift, the state of the data, and both within each segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from mlwright.core.errors import DataError, did_you_mean
from mlwright.core.settings import Monitor
from mlwright.profile.profile import ColumnProfile, Profile

from . import quality
from .drift import Finding, find
from .observe import Observed, observe
from .quality import Quality
from .reference import Reference, of_sample, shares_of_hours
from .sources import Sample

MOST_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Segment:
    """One value of the column that segments are given by; too few rows on a side: not judged."""

    value: str
    rows: int
    judged: bool
    findings: tuple[Finding, ...]

    @property
    def drifted(self) -> list[str]:
        """Return the features that drifted within the segment."""
        return list(dict.fromkeys(f.feature for f in self.findings if f.drifted))

    def to_json(self) -> dict[str, Any]:
        """Return the segment as a JSON object, with the findings that drifted."""
        return {
            "value": self.value,
            "rows": self.rows,
            "judged": self.judged,
            "drifted": self.drifted,
            "findings": [finding.to_json() for finding in self.findings if finding.drifted],
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found; `same_hours` says that it was with the same hours of the day."""

    findings: tuple[Finding, ...]
    quality: tuple[Quality, ...]
    current: Profile | None
    reference: Profile
    same_hours: bool = False
    segments: tuple[Segment, ...] = field(default=())


def compare(
    sample: Sample,
    reference: Reference,
    importance: Mapping[str, float],
    policy: Monitor,
    *,
    score: ColumnProfile | None = None,
    segment: str | None = None,
) -> Compared:
    """Compare the rows of a window with a reference.

    Args:
        sample: the rows.
        reference: what they are compared with.
        importance: feature -> share; ranks what drifted.
        policy: when to speak of drift.
        score: the profile of the window's scores, on the edges of the reference's.
        segment: the column whose values are compared each by itself.

    Raises:
        DataError: there is no such column to segment by.
    """
    names = [column.name for column in reference.columns]
    sent = sample.features if sample.rows else names  # nothing was sent, so nothing was left out
    there = reference.sample.features if reference.sample else ()  # ids, dates, lists among them
    sent = [name for name in sent if name in names or name not in there]
    wrong = tuple(quality.of_names(names, sent, sample.rows))
    if sample.rows < policy.minimum_rows:
        return Compared((), wrong, None, reference.profile)
    at_hours = reference.of_hours(shares_of_hours(sample.facts))
    seen = observe(
        complete(sample),
        reference.columns,
        rows=sample.rows,
        like=reference.profile,
        raw=None if at_hours else reference.raw,
    )
    compared = compare_seen(seen, reference, importance, policy, score=score, at_hours=at_hours)
    segments = _segments(sample, reference, importance, policy, segment) if segment else ()
    wrong += (*compared.quality, *_schema(sample, seen))
    return replace(compared, quality=wrong, segments=tuple(segments))


def compare_seen(
    seen: Observed,
    reference: Reference,
    importance: Mapping[str, float],
    policy: Monitor,
    *,
    score: ColumnProfile | None = None,
    at_hours: Profile | None = None,
) -> Compared:
    """Compare columns that were counted; `at_hours` is the reference as it is at their hours."""
    wrong = tuple(quality.of_columns(reference.profile, seen, reference.columns))
    if seen.rows < policy.minimum_rows:
        return Compared((), wrong, None, reference.profile)
    current = Profile(seen.profile.columns, seen.rows, score)
    findings = find(
        at_hours or reference.profile,
        current,
        importance,
        q=policy.drift_threshold,
        floor=policy.effect_floor,
        exact=seen.exact,
    )
    return Compared(findings, wrong, current, at_hours or reference.profile, at_hours is not None)


def complete(sample: Sample) -> Callable[[str], pl.Series]:
    """Return how to read any column; one that was never sent is all null."""

    def column(name: str) -> pl.Series:
        if name in sample.features:
            return sample.column(name)
        return pl.Series(name, [None], pl.Float64).new_from_index(0, sample.rows)

    return column


def _schema(sample: Sample, seen: Observed) -> Iterator[Quality]:
    if "time" not in sample.facts.columns or sample.facts["time"].null_count():
        return
    gappy = [
        name
        for name, one in seen.columns.items()
        if name in sample.features and 0.02 * seen.rows < one.profile.nulls < 0.98 * seen.rows
    ]
    if not gappy:
        return
    times = sample.facts["time"]
    order = times.arg_sort()
    nulls = {name: sample.column(name).is_null().gather(order) for name in gappy}
    yield from quality.of_schema(times.gather(order), nulls)


def _segments(
    sample: Sample,
    reference: Reference,
    importance: Mapping[str, float],
    policy: Monitor,
    by: str,
) -> Iterator[Segment]:
    """Compare each value's rows with the reference's rows of that value, at q / segments."""
    if by not in sample.features or reference.sample is None or by not in reference.sample.features:
        known = [name for name in sample.features if reference.sample]
        why = "the reference is a profile, not rows" if reference.sample is None else "no such one"
        raise DataError(
            f"segments cannot be made by {by!r}: {why}{did_you_mean(by, known)}",
            hint="give the reference's rows by --reference-data, and a column that both have",
        )
    values = sample.column(by).cast(pl.String)
    before = reference.sample.column(by).cast(pl.String)
    counts = values.drop_nulls().value_counts(sort=True).head(MOST_SEGMENTS)
    features = tuple(column for column in reference.columns if column.name != by)
    strict = policy.model_copy(update={"drift_threshold": policy.drift_threshold / len(counts)})
    for value, rows in counts.iter_rows():
        now, then = where(sample, values == value), where(reference.sample, before == value)
        if min(now.rows, then.rows) < policy.minimum_rows:
            yield Segment(value, rows, False, ())
            continue
        own = of_sample(then, reference.name, columns=features)
        found = compare(now, own, importance, strict)
        yield Segment(value, rows, True, found.findings)


def where(sample: Sample, chosen: pl.Series) -> Sample:
    """Return the rows of a sample that are marked."""
    kept = chosen.fill_null(False)
    return Sample(
        int(kept.sum()),
        sample.features,
        lambda name: sample.column(name).filter(kept),
        sample.facts.filter(kept) if sample.facts.width else sample.facts,
        sample.left_out,
    )
