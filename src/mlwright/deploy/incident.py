"""The report of a rollback: what happened when, on what evidence, and what to look at."""

from __future__ import annotations

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

_TIMELINE = ("pending", "starting", "testing", "shift", "rollback", "rolled_back")


def write(workspace: Workspace, release: Release, events: Sequence[Event]) -> Path:
    """Write the report of a release that was rolled back, as Markdown and as JSON.

    Returns the path of the Markdown file.
    """
    facts = collect(
        release,
        events,
        old=_describe(workspace, release.model, release.replaces),
        new=_describe(workspace, release.model, release.version),
    )
    path = workspace.environment(release.environment) / "incidents" / f"release-{release.id}.md"
    write_json(path.with_suffix(".json"), facts)
    write_atomic(path, render(facts))
    return path


def collect(
    release: Release, events: Sequence[Event], *, old: dict[str, Any], new: dict[str, Any]
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
        "versions": {"old": old, "new": new},
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
        "## What differs",
        "",
        *_differences(facts["versions"]["old"], facts["versions"]["new"]),
        "",
        "## What to check",
        "",
        f"- the workers' own messages: `environments/{facts['environment']}/run/workers.log`",
        f"- the bundle on its sample rows and on recent requests: `mlwright predict {name}`",
        f"- the model card: `mlwright models list` shows where {name} lies",
        "",
    ]
    return "\n".join(lines)


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
        arms = [f"{guard[a]['bad_requests']:,} of {guard[a]['requests']:,}" for a in _ARMS]
        rows.append(
            f"| {guard['guard']}={guard['limit']} | {arms[0]} | {arms[1]} "
            f"| {guard['e_value']:,.1f} | {guard['threshold']:,.0f} |"
        )
    return rows


_ARMS = ("champion", "candidate")


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
