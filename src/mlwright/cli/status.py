"""`mlwright status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts, measured, table

if TYPE_CHECKING:
    from mlwright.deploy.release import Status


@click.command(cls=Command, example="mlwright status production")
@click.argument("environment", required=False)
@click.option("--history", is_flag=True, help="Who did what and why, newest first.")
@workspace_option
@json_option
def command(environment: str | None, history: bool, folder: Path | None, as_json: bool) -> None:
    """Show what answers where, and the rollout under way."""
    from mlwright.deploy.history import history_of
    from mlwright.deploy.release import environments, status

    workspace = find_workspace(folder)
    if history:
        if not environment:
            raise click.UsageError("--history needs an ENVIRONMENT")
        past = history_of(workspace, environment)
        if as_json:
            emit({"environment": environment, "history": past})
        else:
            rows = [[e["time"], e["release"], e["what"], e["who"], e["why"]] for e in past]
            table(["time", "release", "what", "who", "why"], rows)
        return
    if environment:
        found = status(workspace, environment)
        emit(found.to_json()) if as_json else show(found)
        return
    every = [status(workspace, name) for name in environments(workspace)]
    if as_json:
        emit({"environments": [one.to_json() for one in every]})
    elif not every:
        click.echo("No environment yet. Next: mlwright deploy MODEL production")
    for one in every if not as_json else ():
        show(one)


def show(status: Status) -> None:
    """Print one environment for a person."""
    known = {
        status.environment: status.url or "not answering",
        "platform": status.platform,
        "outcome": f"{status.outcome}: {status.reason}" if status.reason else status.outcome,
    }
    if status.supervisor == "down":
        # Its workers go on answering, so nothing else here would tell.
        known["supervisor"] = (
            f"down: nothing starts workers anew; mlwright deploy --resume {status.environment} "
            "brings it back"
        )
    if bounds := status.auto_scaling:
        since = f"; last {status.scaled}" if status.scaled else ""
        known["workers"] = (
            f"{bounds['workers']} a version, {bounds['min']} to {bounds['max']} by load{since}"
        )
    if status.incident:
        known["incident"] = str(status.incident)
    shown = status.to_json()
    rolling = status.outcome == "rolling"
    evidence = (shown["rollout"] or {}).get("evidence", {}) if rolling else {}
    if evidence.get("next"):
        known["next"] = evidence["next"]
    facts(known)
    rows = [
        [v["version"], f"{v['weight']:.0%}", v["state"], v["workers"]] for v in shown["versions"]
    ]
    table(["version", "share of traffic", "state", "workers"], rows)
    if evidence.get("guards"):
        _evidence(evidence["guards"])
    if evidence.get("shadow"):
        shadow(evidence["shadow"])


def _evidence(guards: list[dict[str, Any]]) -> None:
    rows = [
        [
            f"{guard['guard']}={guard['limit']}",
            _of(guard["champion"]),
            _of(guard["candidate"]),
            measured(guard["difference"]) if guard["difference"] else "-",
            f"{guard['e_value']:.3g} of {guard['threshold']:,.0f}",
            f"{guard['promotion_e_value']:.3g} of {guard['promotion_threshold']:,.0f}",
        ]
        for guard in guards
    ]
    heads = ["guard", "champion", "candidate", "difference", "worse: e-value", "no worse: e-value"]
    table(heads, rows)


def shadow(found: dict[str, Any]) -> None:
    """Print what a shadow was compared with."""
    facts(
        {
            "compared": f"{found['compared']:,} of {found['requests']:,} requests",
            "agreement": measured(found["agreement"]) if found["agreement"] else "-",
            "latency": _latency(found["latency_ms"]),
        }
    )
    if found["flips"]:
        table(["champion", "candidate", "rows"], [list(flip.values()) for flip in found["flips"]])
    if found["slices"]:
        rows = [
            [each["column"], each["value"], each["rows"], f"{each['flipped']:.1%}"]
            for each in found["slices"]
        ]
        table(["column", "value", "rows", "flipped"], rows, title="Flips by slice")


def _latency(latency: dict[str, dict[str, float]]) -> str:
    return ", ".join(
        f"{name} {latency['champion'][name]:.2f} → {latency['candidate'][name]:.2f} ms"
        for name in ("p50", "p95")
        if name in latency.get("champion", {})
    )


def _of(arm: dict[str, float]) -> str:
    if "mean" in arm:
        return f"{arm['mean']:.4g} off, of {arm['requests']:,}"
    return f"{arm['bad_requests']:,} of {arm['requests']:,}"
