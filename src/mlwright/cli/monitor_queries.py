"""How `mlwright monitor` looks at an environment that answers questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import iso

from .output import facts, say, table

if TYPE_CHECKING:
    from mlwright.core.settings import Monitor
    from mlwright.core.workspace import Workspace
    from mlwright.monitor.queries.check import QueryCheck


def checked_queries(
    workspace: Workspace,
    environment: str,
    policy: Monitor,
    *,
    since: float | None,
    until: float | None,
    questions: Path | None,
) -> QueryCheck:
    """Check a query log and tell of it; `questions` is a file of test questions."""
    from mlwright.monitor.queries.check import check_queries
    from mlwright.monitor.queries.tell import tell_queries
    from mlwright.rag.questions import read_questions

    found = check_queries(
        workspace,
        environment,
        since=since,
        until=until,
        policy=policy,
        reference=[each.text for each in read_questions(questions)] if questions else None,
        say=say,
    )
    tell_queries(workspace, found, say=say)
    return found


def show_queries(found: QueryCheck) -> None:
    """Print a check of a query log for a person."""
    from mlwright.monitor.queries import wording

    now, before = found.now, found.before
    earlier = f"{before.queries:,} before, from {iso(found.before_since)}"
    facts(
        {
            "verdict": found.verdict,
            "index": f"{found.model}:{found.version}",
            "questions": f"{found.rows:,}; {earlier}",
            "found": found.sentence,
        }
    )
    rows = [
        (name, wording.spread(now.interval(key)), wording.spread(before.interval(key)))
        for key, name in wording.NAMES.items()
    ]
    rows += [
        (
            f"latency {name}",
            wording.milliseconds(value),
            wording.milliseconds(before.latency_ms[name]),
        )
        for name, value in now.latency_ms.items()
    ]
    rows.append(("cost, $", f"{now.cost_total:.4f}", f"{before.cost_total:.4f}"))
    rows.append(("failed requests", wording.spread(found.errors), ""))
    table(["figure", "now", "before"], rows)
    for line in wording.noticed(found):
        click.echo(f"  {line}")
    for line in wording.not_judged(found):
        click.echo(f"  {line}")
    for line in wording.index_lines(found):
        click.echo(f"  index: {line}")
    if found.left_out:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
        click.echo(f"  left out: {counts}")
