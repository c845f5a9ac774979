"""`mlwright monitor rules`, `exporter` and `dashboard`: what Prometheus and Grafana need."""

from __future__ import annotations

from pathlib import Path

import click

from .options import Command, find_workspace, json_option, workspace_option
from .output import emit, facts


@click.command(cls=Command, example="mlwright monitor rules --output monitoring")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("monitoring"),
    show_default=True,
    help="Folder for prometheus.yml, mlwright.rules.yml and alertmanager.yml.",
)
@workspace_option
@json_option
def rules(output: Path, folder: Path | None, as_json: bool) -> None:
    """Write what Prometheus scrapes and records, its alert rules, and Alertmanager's channels."""
    from mlwright.monitor.prometheus import write

    files, left = write(find_workspace(folder), output)
    if as_json:
        emit({"files": files, "channels_left_out": list(left)})
        return
    facts(files)
    if left:
        click.echo(f"not for Alertmanager: {', '.join(left)}", err=True)
    click.echo(f"Next: promtool check rules {files['mlwright.rules.yml']}", err=True)


@click.command(cls=Command, example="mlwright monitor exporter --port 9464")
@click.option("--port", default=9464, show_default=True, help="Where /metrics answers.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--once", is_flag=True, help="Print the page and end.")
@workspace_option
def exporter(port: int, host: str, once: bool, folder: Path | None) -> None:
    """Serve the newest check of every environment to Prometheus, until interrupted."""
    from mlwright.monitor.exporter import server, text

    workspace = find_workspace(folder)
    if once:
        click.echo(text(workspace), nl=False)
        return
    with server(workspace, host=host, port=port) as serving:
        click.echo(f"http://{host}:{serving.server_port}/metrics", err=True)
        serving.serve_forever()


@click.command(
    cls=Command,
    example="mlwright monitor dashboard --model-name churn --metrics accuracy,latency,drift_score",
)
@click.option("--model-name", required=True, help="Whose dashboard.")
@click.option(
    "--metrics",
    metavar="A,B",
    help="Metrics, estimated_accuracy and the like, refusals, empty_retrievals, cache_hits, "
    "positive_feedback, and latency, traffic, errors, drift_score, verdict, answers.  "
    "[default: those of a classifier]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: MODEL-dashboard.json]",
)
@click.option("--grafana-url", help="Bring it into this Grafana too.")
@click.option("--grafana-token", metavar="env:NAME", help="Token of a service account there.")
@json_option
def dashboard(
    model_name: str,
    metrics: str | None,
    output: Path | None,
    grafana_url: str | None,
    grafana_token: str | None,
    as_json: bool,
) -> None:
    """Write a Grafana dashboard of one model."""
    import json

    from mlwright.core.files import write_atomic
    from mlwright.core.workspace import checked_name
    from mlwright.monitor.dashboard import DEFAULT, upload
    from mlwright.monitor.dashboard import dashboard as make

    if grafana_token and not grafana_token.startswith("env:"):
        raise click.UsageError("write env:NAME after --grafana-token, never a token itself")
    name = checked_name(model_name, "model")
    chosen = [part.strip() for part in metrics.split(",")] if metrics else DEFAULT
    made = make(name, chosen)
    path = output or Path(f"{name}-dashboard.json")
    write_atomic(path, json.dumps(made, indent=2) + "\n")
    path.chmod(0o644)  # Grafana reads it with a user of its own
    told: dict[str, object] = {"file": str(path), "panels": len(made["panels"])}
    if grafana_url:
        from mlwright.core.secrets import reveal

        token = reveal(grafana_token) if grafana_token else None
        told["url"] = upload(made, grafana_url, token=token)
    emit(told) if as_json else facts(told)
