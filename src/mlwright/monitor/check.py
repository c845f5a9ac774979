"""A check: one window of an environment's prediction log against the live model's reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mlwright.core import clock
from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace
from mlwright.predictions.labels import labelled, read_labels
from mlwright.profile.make import score_profile
from mlwright.profile.profile import ColumnProfile, Profile

from . import wording
from .compare import Compared, Segment, compare
from .drift import Finding
from .estimate import Estimate, estimate, of_rows
from .found import Found
from .hours import same_hours_before
from .joint import Joint, of_columns
from .joint_tests import joint
from .live import Live, hidden_columns, live
from .performance import FEWEST_LABELS, Performance, measured
from .quality import Quality, of_log, of_time, of_volume
from .reference import Reference, of_bundle, of_sample
from .rows import Rows, read_rows, scores
from .slices import FoundSlices, find_slices
from .sources import Source
from .stream import Loss
from .training_rows import training_rows
from .truth import Known, known, told_in

Say = Callable[[str], None]
Verdict = Literal["ok", "drift", "degraded", "not_enough_data"]

DAY = 86_400.0


def _quiet(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found. Times are seconds since 1970; the profiles are for figures.

    `dated` says whether the rows bear times; the log's do.
    """

    environment: str
    model: str
    version: int
    time: float
    since: float
    until: float
    rows: int
    skipped_rows: int
    other_rows: int
    verdict: Verdict
    findings: tuple[Finding, ...]
    performance: Performance
    latency_ms: Mapping[str, float | None]
    fallbacks: int
    policy: Monitor
    reference: Profile = field(repr=False)
    current: Profile | None = field(repr=False)
    quality: tuple[Quality, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    compared_with: str = ""
    same_hours: bool = False
    segments: tuple[Segment, ...] = ()
    dated: bool = True
    estimate: Estimate | None = None
    joint: Joint | None = None
    slices: FoundSlices | None = None

    @property
    def labelled(self) -> int:
        """Return how many rows have a label that the model knows."""
        return self.performance.labelled

    @property
    def drifted(self) -> list[str]:
        """Return the features that drifted, ranked by effect times importance."""
        found = [f.feature for f in self.findings if f.drifted and f.kind != "prediction_drift"]
        return list(dict.fromkeys(found))

    @property
    def sentence(self) -> str:
        """Return the verdict as a sentence."""
        return wording.sentence(self)

    @property
    def sensitivity(self) -> str:
        """Return how sure the check is: what it saw at most, and what it would have found."""
        return wording.sensitivity(self)

    @property
    def causes(self) -> tuple[str, ...]:
        """Return the likely cause for an alert: a sentence, then what it names, ranked."""
        return wording.causes(self)

    def to_json(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return {
            "environment": self.environment,
            "model": self.model,
            "version": self.version,
            "time": clock.iso(self.time),
            "since": clock.iso(self.since),
            "until": clock.iso(self.until),
            "rows": self.rows,
            "skipped_rows": self.skipped_rows,
            "other_rows": self.other_rows,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "sensitivity": self.sensitivity,
            "drifted": self.drifted,
            "findings": [finding.to_json() for finding in self.findings],
            "performance": self.performance.to_json(),
            "estimate": self.estimate.to_json() if self.estimate else None,
            "labelled": self.labelled,
            "latency_ms": dict(self.latency_ms),
            "fallbacks": self.fallbacks,
            "quality": [one.to_json() for one in self.quality],
            "left_out": dict(self.left_out),
            "reference": self.compared_with,
            "same_hours": self.same_hours,
            "segments": [segment.to_json() for segment in self.segments],
            "joint": self.joint.to_json() if self.joint else None,
            "slices": self.slices.to_json() if self.slices else None,
        }


def check(
    workspace: Workspace,
    environment: str,
    *,
    since: float | None = None,
    until: float | None = None,
    policy: Monitor | None = None,
    loss: Loss | None = None,
    judged: bool = True,
    reference: Source | None = None,
    segment: str | None = None,
    minimum_accuracy: float | None = None,
    say: Say = _quiet,
) -> Check:
    """Compare what the live version saw and answered with its bundle's reference, and keep it.

    Args:
        workspace: where the environment and its log are.
        environment: the one to check.
        since: the window's start, seconds since 1970; a day before its end when left out.
        until: the window's end, not included; now when left out.
        policy: when to speak of drift; by default what the settings say.
        loss: what a watch says of the loss.
        judged: whether worse metrics make the verdict; a watch judges its windows together.
        reference: rows to compare with, instead of the bundle's profile.
        segment: a column whose values are compared each by itself; it needs a reference of rows.
        minimum_accuracy: surely below it is degraded, instead of below what training measured.
        say: told a line of progress a step.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
        DataError: the reference cannot be read, or has none of the model's columns.
    """
    now = clock.now()
    until = now if until is None else until
    since = until - DAY if since is None else since
    answering = live(workspace, environment)
    rows = read_rows(answering, since=since, until=until)
    say(f"{rows.table.height:,} rows of {answering.model}:{answering.version}")
    policy = policy or workspace.settings.monitor
    hidden = hidden_columns(answering, workspace.settings.log)
    against = _reference(answering, reference, say).without(hidden)
    sample = rows.sample(without=hidden)
    compared = compare(
        sample,
        against,
        answering.bundle.importance,
        of_columns(policy),
        score=_score(answering, rows),
        segment=segment,
    )
    together = joint(
        sample,
        against,
        answering.bundle.importance,
        policy,
        rows=lambda: training_rows(workspace, answering),
    )
    wrong = (
        *of_time(rows.table["time"], until=until, now=now, ahead=rows.ahead),
        *of_volume(rows.table.height, same_hours_before(answering, since=since, until=until)),
        *of_log(hidden),
    )
    told = known(labelled(rows.window, read_labels(answering.log)), answering.bundle.signature)
    quality = (*wrong, *compared.quality)
    performance = measured(
        answering,
        told,
        rows=rows.table.height,
        loss=loss,
        judged=judged,
        minimum=minimum_accuracy,
    )
    found = Check(
        environment=environment,
        model=answering.model,
        version=answering.version,
        time=now,
        since=since,
        until=until,
        rows=rows.table.height,
        skipped_rows=rows.window.skipped,
        other_rows=rows.others,
        verdict=verdict_of(compared, performance, together),
        findings=compared.findings,
        performance=performance,
        latency_ms=rows.latency_ms(),
        fallbacks=rows.fallbacks(),
        policy=policy,
        reference=compared.reference,
        current=compared.current,
        quality=quality,
        left_out=sample.left_out,
        compared_with=against.name,
        same_hours=compared.same_hours,
        segments=compared.segments,
        estimate=_estimate(answering, rows, told, quality, fewest=policy.minimum_rows),
        joint=together,
        slices=find_slices(
            told, sample, against, drifted=drift_of(compared, together), policy=policy
        ),
    )
    keep_check(workspace, found)
    say(found.sentence)
    return found


def _reference(answering: Live, given: Source | None, say: Say) -> Reference:
    """Return the bundle's profile, or rows that are given, beside the profile of its scores."""
    bundle = answering.bundle
    if given is None:
        return of_bundle(bundle, f"the training data of {answering.model}:{answering.version}")
    made = of_sample(given.sample(), given.name, columns=bundle.signature.inputs, say=say)
    return replace(made, profile=replace(made.profile, score=bundle.profile.score))


def _score(answering: Live, rows: Rows) -> ColumnProfile | None:
    signature, like = answering.bundle.signature, answering.bundle.profile.score
    if like is None or not rows.table.height:
        return None
    return score_profile(scores(rows.table, signature), signature, like)


def _estimate(
    answering: Live, rows: Rows, told: Known, quality: tuple[Quality, ...], *, fewest: int
) -> Estimate | None:
    expected = of_rows(rows.table, answering.bundle, fewest=fewest)
    if expected and len(told) < FEWEST_LABELS:  # labels come late: those of the last month speak
        until = rows.window.until or clock.now()
        told = told_in(answering, since=until - 30 * DAY, until=until)
    return estimate(expected, answering.bundle, told=told, quality=quality)


def verdict_of(
    compared: Compared, performance: Performance, together: Joint | None = None
) -> Verdict:
    """Return what follows from the columns, by themselves and together, and from the labels."""
    if performance.verdict == "degraded":
        return "degraded"
    if compared.current is None:
        return "not_enough_data"
    return "drift" if drift_of(compared, together) else "ok"


def drift_of(compared: Compared, together: Joint | None) -> bool:
    """Say whether a column drifted, or columns together."""
    joined = together is not None and bool(together.drifted)
    return joined or any(finding.drifted for finding in compared.findings)


def keep_check(workspace: Workspace, found: Found) -> None:
    """Keep what a check found in the workspace's database."""
    from sqlalchemy import insert

    from mlwright.core.state import checks

    row = {name: getattr(found, name) for name in ("environment", "time", "since", "until")}
    with workspace.state.write() as connection:
        connection.execute(
            insert(checks).values(**row, verdict=found.verdict, result=found.to_json())
        )
