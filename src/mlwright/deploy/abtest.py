"""A/B tests: two versions with fixed shares, compared by metrics until a person ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.bundle.bundle import Bundle
from mlwright.core import clock
from mlwright.core.errors import NotFound, UserError
from mlwright.core.files import write_json
from mlwright.core.workspace import Workspace
from mlwright.track import models

from . import experiment, release, releases
from .abtest_design import DAY, AbTest, design
from .experiment import Compared
from .releases import Release
from .status import Status

Say = Callable[[str], None]
WINNERS: Final = {
    "a": "A",
    "b": "B",
    "neither": "neither: B is better in one thing and worse in another",
    None: "not enough data",
}


def _quiet(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Report:
    """What an experiment found. `winner` is a, b, neither where B is better and worse, or None.

    `split` says whether B got its share of the units; where it did not, nobody wins. `segments` are
    a column, a value of it, and the first metric within.
    """

    release: Release
    state: str
    days: float
    planned_days: float
    units: int
    compared: tuple[Compared, ...]
    segments: tuple[tuple[str, str, Compared], ...]
    guards: tuple[dict[str, Any], ...]
    split: dict[str, Any]
    winner: str | None
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        found = self.release.options["abtest"]
        return {
            "environment": self.release.environment,
            "release": self.release.id,
            "model_a": found["a"],
            "model_b": found["b"],
            "state": self.state,
            "days": round(self.days, 3),
            "planned_days": self.planned_days,
            "analysis": "fixed horizon" if self.state == "over" else "at any time",
            "units": self.units,
            "metrics": [each.to_json() for each in self.compared],
            "not_enough_data": list(self.missing),
            "split": self.split,
            "segments": [
                {"column": column, "value": value, **each.to_json()}
                for column, value, each in self.segments
            ],
            "guards": [
                {key: guard[key] for key in ("guard", "limit", "verdict", "worse")}
                for guard in self.guards
            ],
            "winner": self.winner,
        }


def start(
    workspace: Workspace,
    environment: str,
    test: AbTest,
    *,
    who: str | None = None,
    timeout: float = release.TIMEOUT,
    say: Say = _quiet,
) -> Status:
    """Bring A live in the environment if need be, and B beside it with its share.

    Raises:
        NotFound, ConfigError: as `design`, `deploy`.
        UserError: a first version was given but did not go live.
    """
    made = design(workspace, environment, test)
    there = release.deploy(
        workspace, str(made.a), environment, strategy="all_at_once", who=who, say=say
    )
    if there.outcome not in ("live",):
        raise UserError(f"{made.a} does not answer in {environment}: {there.reason}")
    extra = {
        "abtest": {
            "a": str(made.a),
            "b": str(made.b),
            "metrics": list(made.metrics),
            "days": made.days,
        }
    }
    return release.deploy(
        workspace,
        str(made.b),
        environment,
        strategy="ab",
        canary_percentage=100 * made.share,
        guards=test.guards,
        who=who,
        timeout=timeout,
        say=say,
        extra=extra,
    )


def report(workspace: Workspace, environment: str) -> Report:
    """Analyse the newest experiment of an environment.

    Raises:
        NotFound: there was none.
    """
    found = _experiment(workspace, environment)
    about = found.options["abtest"]
    with workspace.state.read() as connection:
        events = releases.events_of(connection, found)
    since = next((e.time for e in events if e.what == "shift"), found.created)
    until = found.updated if not found.under_way else clock.now()
    days = (until - since) / DAY
    over = days >= about["days"]
    version = models.resolve(workspace, about["a"])
    signature = Bundle.open(version.bundle).signature
    log = workspace.environment(environment) / "log"
    metrics = tuple(about["metrics"])
    rows = experiment.read_rows(log, found.id, signature, metrics, since=since)
    units = len({row.unit for row in rows})
    tuned_at = max(units, 1_000)
    compared = experiment.compare(rows, metrics, ended=over, tuned_at=tuned_at)
    guards = tuple(found.evidence.get("guards", ()))
    split = dict(found.evidence.get("split", {}))
    have = {each.metric for each in compared}
    return Report(
        found,
        "over" if over else ("running" if found.under_way else "ended early"),
        days,
        about["days"],
        units,
        tuple(compared),
        tuple(experiment.segments(rows, metrics, ended=over, tuned_at=tuned_at)),
        guards,
        split,
        None if split.get("mismatch") else _winner(compared, guards),
        tuple(name for name in metrics if name not in have),
    )


def stop(
    workspace: Workspace,
    environment: str,
    *,
    promote_winner: bool = False,
    timeout: float = release.TIMEOUT,
    say: Say = _quiet,
) -> tuple[Report, Status]:
    """End an experiment: B gets everything if it won and that was asked for, else A has it again.

    The report is kept beside the environment's logs.

    Raises:
        NotFound: there was none.
        UserError: it is over already.
    """
    found = report(workspace, environment)
    if not found.release.under_way:
        raise UserError(
            f"the experiment in {environment} ended before: {found.release.state}",
            hint=f"mlwright abtest report {environment} shows what it found",
        )
    path = workspace.environment(environment) / "experiments" / f"release-{found.release.id}.json"
    write_json(path, found.to_json())
    say(f"report: {path}")
    why = f"the experiment is ended: winner {found.winner or 'none'}"
    if promote_winner and found.winner == "b":
        status = release.promote(workspace, environment, why=why, timeout=timeout, say=say)
    else:
        status = release.rollback(workspace, environment, why=why, timeout=timeout, say=say)
    return found, status


def _experiment(workspace: Workspace, environment: str) -> Release:
    with workspace.state.read() as connection:
        releases.known_environment(connection, environment)
        found = releases.newest(connection, environment, strategy="ab")
    if found is None or "abtest" not in found.options:
        raise NotFound(
            f"{environment} has had no experiment",
            hint=f"mlwright abtest start TEST.yaml {environment}",
        )
    return found


def _winner(compared: Sequence[Compared], guards: Sequence[dict[str, Any]]) -> str | None:
    if any(guard["worse"] for guard in guards):
        return "a"
    better = {each.better for each in compared if each.better is not None}
    if better == {True, False}:
        return "neither"
    if better == {True}:
        return "b"
    return "a" if better == {False} else None
