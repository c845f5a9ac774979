"""`mlwright alerts`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlwright.core.errors import RemoteError

from .options import (
    Command,
    find_workspace,
    json_option,
    open_workspace,
    workspace_option,
    yes_option,
)
from .output import confirmed, emit, table

SECRETS = {  # option: (kind of channel, its key, the variable that holds what was given in clear)
    "slack_webhook": ("slack", "webhook", "SLACK_WEBHOOK_URL"),
    "pagerduty_key": ("pagerduty", "key", "PAGERDUTY_KEY"),
    "webhook": ("webhook", "url", "ALERT_WEBHOOK_URL"),
    "apprise": ("apprise", "url", "APPRISE_URL"),
}


@click.group()
def group() -> None:
    """Say who is told when something is found; test that it arrives; list what was told."""


@group.command(
    cls=Command,
    example="mlwright alerts setup --slack-webhook env:SLACK_WEBHOOK_URL --email ml@example.org",
)
@click.option("--slack-webhook", metavar="env:NAME", help="Incoming webhook of Slack.")
@click.option("--pagerduty-key", metavar="env:NAME", help="Integration key, Events API v2.")
@click.option("--email", metavar="ADDRESS", help="Who gets mails; several with commas.")
@click.option("--smtp-host", metavar="HOST:PORT", help="Mail server.  [default: localhost:25]")
@click.option("--webhook", metavar="env:NAME", help="Any address that takes a POST of JSON.")
@click.option("--apprise", metavar="env:NAME", help="Any URL that apprise understands.")
@click.option("--file", "path", metavar="PATH", help="A file; .jsonl for JSON lines.")
@click.option("--dry-run", is_flag=True, help="Print the file that would be written.")
@yes_option
@workspace_option
@json_option
def setup(
    email: str | None,
    smtp_host: str | None,
    path: str | None,
    dry_run: bool,
    yes: bool,
    folder: Path | None,
    as_json: bool,
    **secrets: str | None,
) -> None:
    """Write channels to mlwright.yaml; a secret is kept as the name of its variable."""
    from mlwright.alerts.setup import plan, write

    channels, variables = _secret_channels(secrets)
    if email:
        channels.append({"type": "email", "to": email, **_server(smtp_host)})
    if path:
        channels.append({"type": "file", "path": path})
    if not channels:
        raise click.UsageError("no channel: give --slack-webhook, --pagerduty-key, --email, …")
    workspace = find_workspace(folder) if dry_run else open_workspace(folder)
    made = plan(workspace.root, channels)
    if not dry_run:
        confirmed(f"Write {len(made.added)} channels to {made.path}?", yes=yes)
        write(made)
    if as_json:
        emit({"file": str(made.path), "added": list(made.added), "export": variables})
        return
    click.echo(made.text if dry_run else f"{made.path} has: {', '.join(made.added)}")
    for name in variables:
        click.echo(f"What you gave is not kept in clear; put it into {name}:", err=True)
        click.echo(f"  export {name}=…", err=True)
    if not dry_run:
        click.echo("Next: mlwright alerts test", err=True)


def _secret_channels(
    secrets: dict[str, str | None],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the channels with references, and the variables that have yet to be set."""
    channels, variables = [], []
    for option, (kind, key, variable) in SECRETS.items():
        given = secrets[option]
        if not given:
            continue
        if not given.startswith("env:"):
            variables.append(variable)
            given = f"env:{variable}"
        channels.append({"type": kind, key: given})
    return channels, variables


def _server(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    host, _, port = given.partition(":")
    return {"host": host, **({"port": port} if port else {})}


@group.command(cls=Command, example="mlwright alerts test --trigger-test-alert")
@click.option("--trigger-test-alert", is_flag=True, expose_value=False, help="What is done anyway.")
@workspace_option
@json_option
def test(folder: Path | None, as_json: bool) -> None:
    """Send a test alert and its end through every channel; say which arrived."""
    from mlwright.alerts.trial import try_channels

    trials = try_channels(find_workspace(folder))
    if as_json:
        emit({"channels": [trial.to_json() for trial in trials]})
    else:
        rows = [[trial.channel, trial.error or "arrived"] for trial in trials]
        table(["channel", "test alert"], rows)
    failed = [trial for trial in trials if trial.error]
    if failed:
        names = ", ".join(trial.channel for trial in failed)
        raise RemoteError(f"the test alert did not arrive at {names}", hint=failed[0].hint)


@group.command("list", cls=Command, example="mlwright alerts list --all")
@click.option("--environment", help="Only those of this environment.")
@click.option("--all", "everything", is_flag=True, help="Those that have ended too.")
@workspace_option
@json_option
def list_(environment: str | None, everything: bool, folder: Path | None, as_json: bool) -> None:
    """List the open alerts, and whom they reached."""
    from mlwright.alerts import history

    kept = history(find_workspace(folder), environment)
    shown = [alert.to_json() for alert in kept if everything or alert.closed is None]
    if as_json:
        emit({"alerts": shown})
        return
    if not shown:
        click.echo("no alerts" if everything else "no open alerts")
        return
    rows = [
        [
            alert["time"],
            alert["resolved"] or "open",
            alert["kind"],
            f"{alert['model']} ({alert['environment']})",
            f"{alert['what']} {alert['value']}",
            "; ".join(map(_reached, alert["deliveries"])) or "told before deliveries were kept",
        ]
        for alert in shown
    ]
    table(["since", "until", "kind", "model", "measured", "told"], rows)


def _reached(delivery: dict[str, Any]) -> str:
    what: str = delivery["channel"] + (" of its end" if delivery["event"] == "resolved" else "")
    if delivery["arrived"]:
        return what
    waits = f"again at {delivery['next']}" if delivery["next"] else "given up"
    return f"NOT {what} ({delivery['error'] or 'waiting'}; {waits})"
