"""The report of a rollback: what happened when, on what evidence, and what to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import BundleError
from mlwright.core.files import write_atomic, write_json
from mlwright.core.workspace import Workspace
from mlwright.track import models

from .releases import Event, Release

_TAIL = 1_000_000  # bytes of the workers' log that are read
_SILENT = "Its workers wrote of none: the answers were late, or wrong, or did not come."
_TIMELINE = ("pending", "starting", "testing", "shift", "rollback", "rolled_back")


def write(workspace: Workspace, release: Release, events: Sequence[Event]) -> Path:
    """Write the report of a release that was rolled back, as Markdown, JSON and HTML.

    Returns the path of the Markdown file. Without the packages that draw there is no HTML.
    """
    folder = workspace.environment(release.environment)
    facts = collect(
        release,
        events,
        old=_describe(workspace, release.model, release.replaces),
        new=_describe(workspace, release.model, release.version),
        errors=kinds(folder / "run" / "workers.log", release.ref),
    )
    path = folder / "incidents" / f"release-{release.id}.md"
    write_json(path.with_suffix(".json"), facts)
    try:
        from .incident_page import page

        write_atomic(path.with_suffix(".html"), page(facts))
    except ModuleNotFoundError as exc:
        if exc.name not in ("jinja2", "matplotlib"):
            raise
    write_atomic(path, render(facts))
    return path


def kinds(log: Path, ref: str, *, most: int = 8) -> list[dict[str, Any]]:
    """Return what the workers of a version said of failures, the commonest first.

    They say a kind and a place, never a row's values. Of a long log the end is read.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    found = Counter(
        line[line.index(ref) :][:200] for line in text.splitlines() if f"{ref} " in line
    )
    return [{"kind": kind, "count": count} for kind, count in found.most_common(most)]


def collect(
    release: Release,
    events: Sequence[Event],
    *,
    old: dict[str, Any],
    new: dict[str, Any],
    errors: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Gather the facts of a rollback; `old` and `new` describe the two bundles."""
    guards = release.evidence["guards"]
    started = next((event.time for event in events if event.what == "shift"), release.created)
    ended = next((event.time for event in events if event.what == "rolled_back"), release.updated)
    return {
        "environment": release.environment,
        "release": release.id,
        "model": release.model,
        "version": release.version,
        "replaces": release.replaces,
        "who": release.who,
        "started": started,
        "ended": ended,
        "reason": release.reason,
        "timeline": [
            {"time": event.time, "what": event.what, "detail": _brief(event.detail)}
            for event in events
            if event.what in _TIMELINE
        ],
        "guards": guards,
        "affected": {
            "requests": guards[0]["candidate"]["requests"],
            "failed": _failed(guards),
        },
        "errors": list(errors),
        "versions": {"old": old, "new": new},
        "checks": _checks(release, guards),
    }


def render(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    name = f"{facts['model']}:{facts['version']}"
    back = f"{facts['model']}:{facts['replaces']}"
    lines = [
        f"# Incident: {name} rolled back in {facts['environment']}",
        "",
        f"{name} was given a share of traffic at {clock.iso(facts['started'])} by {facts['who']} "
        f"and taken back at {clock.iso(facts['ended'])}. {back} answers everything again.",
        "",
        f"**Why**: {facts['reason']}",
        "",
        f"**Affected**: {facts['affected']['requests']:,} requests went to {name}; "
        + _damage(facts["affected"]["failed"], back),
        "",
        "## Time line",
        "",
        *(_moment(entry) for entry in facts["timeline"]),
        "",
        "## Evidence",
        "",
        *_table(facts["guards"]),
        "",
        'The e-value is the factor by which the outcomes speak against "no worse than the '
        'champion". It may be looked at at any time; the threshold keeps the chance of a false '
        "rollback of the whole release at or below its level.",
        "",
        "## Kinds of errors",
        "",
        *([f"- {each['count']:,} times: {each['kind']}" for each in facts["errors"]] or [_SILENT]),
        "",
        "## What differs",
        "",
        *_differences(facts["versions"]["old"], facts["versions"]["new"]),
        "",
        "## What to check",
        "",
        *(f"- {check}" for check in facts["checks"]),
        "",
    ]
    return "\n".join(lines)


def _checks(release: Release, guards: Sequence[dict[str, Any]]) -> list[str]:
    worse = {guard["guard"] for guard in guards if guard["worse"]}
    found = [f"the workers' own messages: environments/{release.environment}/run/workers.log"]
    if "error_rate" in worse:
        found.append("which requests fail: their ids are in the prediction log, route fallback")
    if any(name[0] == "p" and name[1:].isdigit() for name in worse):
        found.append("its speed alone: mlwright loadtest, on a serve of each version")
    if "predictions" in worse or "accuracy" in worse:
        found.append(f"its metrics and slices: mlwright validate {release.ref} --data FILE")
    found.append(f"it on recent requests: mlwright predict {release.ref} --input F --output F")
    found.append(f"its card and what differs: mlwright models show {release.ref}")
    return found


def _failed(guards: Sequence[dict[str, Any]]) -> int | None:
    found = [g["candidate"]["bad_requests"] for g in guards if g["guard"] == "error_rate"]
    return found[0] if found else None


def _damage(failed: int | None, back: str) -> str:
    if failed is None:
        return "failures were not counted by a guard."
    return f"{failed:,} of them failed there and were answered by {back} instead."


def _moment(entry: dict[str, Any]) -> str:
    detail = entry["detail"]
    said = ", ".join(f"{key} {_shown(key, value)}" for key, value in detail.items())
    return f"- {clock.iso(entry['time'])} {entry['what']}" + (f": {said}" if said else "")


def _shown(key: str, value: Any) -> str:
    return f"{value:.0%}" if key == "weight" else str(value)


def _brief(detail: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if key != "evidence"}


def _table(guards: Sequence[dict[str, Any]]) -> list[str]:
    rows = ["| guard | champion | candidate | e-value | threshold |", "|---|---|---|---|---|"]
    for guard in guards:
        arms = [of(guard[a]) for a in _ARMS]
        rows.append(
            f"| {guard['guard']}={guard['limit']} | {arms[0]} | {arms[1]} "
            f"| {guard['e_value']:,.1f} | {guard['threshold']:,.0f} |"
        )
    return rows


_ARMS = ("champion", "candidate")


def of(arm: dict[str, Any]) -> str:
    """Say what an arm did: how many were bad, or by how much it was off on average."""
    if "mean" in arm:
        return f"off by {arm['mean']:.4g}, {arm['requests']:,} labels"
    return f"{arm['bad_requests']:,} of {arm['requests']:,}"


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    changed = [
        f"- {key}: {old.get(key)} → {new.get(key)}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    return changed or ["Nothing that the bundles know of."]


def _describe(workspace: Workspace, model: str, version: int | None) -> dict[str, Any]:
    if version is None:
        return {}
    try:
        bundle = Bundle.open(models.resolve(workspace, f"{model}:{version}").bundle)
    except BundleError as exc:
        return {"version": version, "bundle": str(exc)}
    holdout = bundle.metrics.get("holdout", {})
    return {
        "version": version,
        "bundle": bundle.hash,
        "algorithm": bundle.algorithm,
        "runtime": bundle.runtime,
        "threshold": bundle.threshold,
        **{f"parameter {name}": value for name, value in bundle.params.items()},
        **{f"holdout {name}": round(value["value"], 4) for name, value in holdout.items()},
    }
