"""What the checks of a period said of joint drift: a report has no rows to test again."""

from __future__ import annotations

from mlwright.core.workspace import Workspace

from .joint import Joint
from .live import Live

Kept = tuple[tuple[float, Joint], ...]


def kept_joint(
    workspace: Workspace, environment: str, answering: Live, *, since: float, until: float
) -> Kept:
    """Return what was judged of the live version, by the ends of the windows, oldest first."""
    from sqlalchemy import select

    from mlwright.core.state import checks

    found = checks.c.result["joint"]
    ended = checks.c.until.between(since, until)
    query = (
        select(checks.c.until, found)
        .where(checks.c.environment == environment, ended, found.is_not(None))
        .where(checks.c.result["model"].as_string() == answering.model)
        .where(checks.c.result["version"].as_integer() == answering.version)
        .order_by(checks.c.until, checks.c.id)
    )
    with workspace.state.read() as connection:
        rows = connection.execute(query).all()
    kept = [(float(end), Joint.from_json(value)) for end, value in rows if value]
    return tuple((end, joint) for end, joint in kept if joint.tests)


def clearest(kept: Kept) -> Joint | None:
    """Return the drift that was clearest; where there was none, the newest test."""
    drifted = [joint for _, joint in kept if joint.drifted]
    if not drifted:
        return kept[-1][1] if kept else None
    return max(drifted, key=lambda joint: max(test.effect for test in joint.drifted))
