"""A check as `mlwright monitor check` prints it for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import facts, measured, table

if TYPE_CHECKING:
    from mlwright.monitor.check import Check
    from mlwright.monitor.estimate import Estimate
    from mlwright.monitor.joint import Joint


def show(found: Check) -> None:
    """Print a check for a person."""
    value = found.to_json()
    facts(
        {
            "verdict": found.verdict,
            "model": f"{found.model}:{found.version}" if found.version else found.model,
            "compared with": found.compared_with
            + (", the same hours of the day" if found.same_hours else ""),
            "rows": f"{found.rows:,} ({found.skipped_rows:,} skipped, {found.labelled:,} labelled)",
            "sure of": found.sensitivity,
        }
    )
    if value["drifted"]:
        rows = [
            [
                f["feature"],
                f["method"],
                f"{f['effect']:.3f}",
                f"{f['p_value']:.1e}",
                f"{f['importance']:.0%}",
            ]
            for f in value["findings"]
            if f["drifted"]
        ]
        table(["drifted", "test", "effect", "p", "importance"], rows)
    for segment in found.segments:
        if segment.drifted:
            click.echo(
                f"  only in {segment.value} ({segment.rows:,} rows): {', '.join(segment.drifted)}"
            )
    if found.joint:
        _show_joint(found.joint)
    for one in found.quality:
        click.echo(f"  {one.words}")
    if found.left_out:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
        click.echo(f"  left out: {counts}")
    performance = value["performance"].get("metrics", {})
    if performance:
        rows = [
            [
                name,
                measured(m["current"]),
                measured(m["baseline"]) if m["baseline"] else "not known",
            ]
            for name, m in performance.items()
        ]
        table(["metric", "now", "when trained" if found.version else "in the reference"], rows)
    for line in found.slices.lines if found.slices else ():
        click.echo(f"  {line}")
    if found.estimate:
        _show_estimate(found.estimate)


def _show_joint(joint: Joint) -> None:
    from mlwright.monitor.wording import together

    for test in joint.tests:
        where = f" in {test.feature}" if test.feature else ""
        word = together(test) if test.drifted else f"no {test.kind.replace('_', ' ')}{where}"
        click.echo(f"  {word}; AUC {measured(test.auc.to_json())}, p {test.p_value:.1e}")
        for pair in test.pairs:
            names = " and ".join(pair.names)
            click.echo(f"    correlation of {names}: {pair.reference:.2f}, now {pair.current:.2f}")
        for held in test.words:
            then, now = (_share(share) for share in (held.reference, held.current))
            click.echo(f"    “{held.word}”: {then} of the rows, now {now}")


def _share(share: float | None) -> str:
    return "next to none" if share is None else f"{share:.1%}"


def _show_estimate(estimate: Estimate) -> None:
    from mlwright.monitor.estimate import CONDITION

    values = estimate.to_json()["metrics"]
    word = "without labels" if estimate.reliable else "UNRELIABLE"
    table(["estimated", word], [[name, measured(value)] for name, value in values.items()])
    for doubt in estimate.doubts:
        click.echo(f"  unreliable: {doubt}")
    click.echo(f"  condition: {CONDITION}")
