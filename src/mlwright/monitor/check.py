"""A check: one window of an environment's prediction log against the live model's reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlwright.alerts.alert import Alert
from mlwright.core import clock
from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace
from mlwright.predictions.labels import labelled, read_labels
from mlwright.profile.make import profile
from mlwright.profile.profile import Profile

from . import wording
from .drift import Finding, find
from .live import Live, live
from .performance import Performance, measure
from .rows import Rows, read_rows, scores

Say = Callable[[str], None]
Verdict = Literal["ok", "drift", "degraded", "not_enough_data"]

DAY = 86_400.0


def _quiet(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found. Times are seconds since 1970; the profiles are for figures."""

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
            "labelled": self.labelled,
            "latency_ms": dict(self.latency_ms),
            "fallbacks": self.fallbacks,
        }


def check(
    workspace: Workspace,
    environment: str,
    *,
    since: float | None = None,
    until: float | None = None,
    say: Say = _quiet,
) -> Check:
    """Compare what the live version saw and answered with its bundle's reference, and keep it.

    Args:
        workspace: where the environment and its log are.
        environment: the one to check.
        since: the window's start, seconds since 1970; a day before its end when left out.
        until: the window's end, not included; now when left out.
        say: told a line of progress a step.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
        BundleError: the live version's bundle is damaged.
        SignatureError: the log holds what the model does not take.
    """
    now = clock.now()
    until = now if until is None else until
    since = until - DAY if since is None else since
    answering = live(workspace, environment)
    rows = read_rows(answering, since=since, until=until)
    say(f"{rows.table.height:,} rows of {answering.model}:{answering.version}")
    policy = workspace.settings.monitor
    current = _profile(answering, rows) if rows.table.height >= policy.minimum_rows else None
    findings = _findings(answering, current, policy)
    performance = _performance(answering, rows)
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
        verdict=_verdict(findings, performance, enough=current is not None),
        findings=findings,
        performance=performance,
        latency_ms=rows.latency_ms(),
        fallbacks=rows.fallbacks(),
        policy=policy,
        reference=answering.bundle.profile,
        current=current,
    )
    _keep(workspace, found)
    say(found.sentence)
    return found


def alert_key(found: Check) -> str:
    """Return the key above all alerts of a check's model; a check that is ok resolves it."""
    return f"{found.environment}/{found.model}"


def alert_of(found: Check) -> Alert | None:
    """Return what someone has to be told of, or None; a degraded model goes before drift."""
    if found.verdict not in ("drift", "degraded"):
        return None
    kind = "performance_degradation" if found.verdict == "degraded" else "data_drift"
    what, value, threshold = wording.measured(found)
    return Alert(
        kind=kind,
        model=f"{found.model}:{found.version}",
        environment=found.environment,
        what=what,
        value=value,
        threshold=threshold,
        causes=wording.causes(found),
        action=wording.action(found),
        key=f"{alert_key(found)}/{found.version}/{kind}",
        time=found.time,
    )


def _profile(answering: Live, rows: Rows) -> Profile:
    signature, reference = answering.bundle.signature, answering.bundle.profile
    given = scores(rows.table, signature) if reference.score else None
    return profile(rows.columns(signature), signature, scores=given, like=reference)


def _findings(answering: Live, current: Profile | None, policy: Monitor) -> tuple[Finding, ...]:
    if current is None:
        return ()
    bundle = answering.bundle
    return find(
        bundle.profile,
        current,
        bundle.importance,
        q=policy.drift_threshold,
        floor=policy.effect_floor,
    )


def _performance(answering: Live, rows: Rows) -> Performance:
    known = labelled(rows.window, read_labels(answering.log))
    bundle = answering.bundle
    baseline = bundle.metrics.get("holdout", {})
    return measure(known, bundle.signature, baseline, rows=rows.table.height)


def _verdict(findings: tuple[Finding, ...], performance: Performance, *, enough: bool) -> Verdict:
    if performance.verdict == "degraded":
        return "degraded"
    if not enough:
        return "not_enough_data"
    return "drift" if any(finding.drifted for finding in findings) else "ok"


def _keep(workspace: Workspace, found: Check) -> None:
    from sqlalchemy import insert

    from mlwright.core.state import checks

    row = {name: getattr(found, name) for name in ("environment", "time", "since", "until")}
    with workspace.state.write() as connection:
        connection.execute(
            insert(checks).values(**row, verdict=found.verdict, result=found.to_json())
        )
