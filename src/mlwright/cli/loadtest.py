"""`mlwright loadtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.clock import duration
from mlwright.core.errors import ConfigError, GateFailed

from .options import (
    Command,
    api_key_option,
    json_option,
    known_workspace,
    seed_option,
    workspace_option,
)
from .output import emit, facts, say

if TYPE_CHECKING:
    from mlwright.deploy.loadtest import LoadTest
    from mlwright.deploy.sizing import Size


@click.command(
    cls=Command, example="mlwright loadtest production --slo p95=500ms --report load.html"
)
@click.argument("endpoint")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Requests a second.  [default: 50, or searched for with --slo]",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="Connections that are open at once.",
)
@click.option(
    "--duration", "lasts", default="10s", show_default=True, help="How long each load lasts."
)
@click.option("--timeout", default="10s", show_default=True, help="When a request is given up.")
@click.option("--slo", metavar="p95=500ms", help="A latency that must be kept; else exit 5.")
@click.option(
    "--size-for",
    metavar="RATE",
    type=click.FloatRange(0, min_open=True),
    help="Say how many workers so many requests a second need to keep --slo.",
)
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "constant"]),
    default="poisson",
    show_default=True,
    help="By chance, as from many people, or evenly spaced.",
)
@click.option(
    "--test-data",
    type=click.Path(path_type=Path),
    help="Rows to send, one a request.  [default: the bundle's samples]",
)
@click.option("--model", help="What answers, where the workspace does not know.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a page, HTML.")
@api_key_option
@seed_option
@click.option("--yes", is_flag=True, help="Load a server that is not on this machine: it is mine.")
@workspace_option
@json_option
def command(
    endpoint: str,
    rate: float | None,
    concurrency: int,
    lasts: str,
    timeout: str,
    slo: str | None,
    size_for: float | None,
    arrivals: str,
    test_data: Path | None,
    model: str | None,
    report: Path | None,
    api_key: dict[str, str],
    seed: int,
    yes: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Load a server at a rate that does not wait for its answers, or find the rate it bears."""
    from mlwright.deploy.endpoint import check_loopback, find_endpoint, requests_for
    from mlwright.deploy.loadtest import load_test, objective
    from mlwright.deploy.sizing import running_workers, size
    from mlwright.serve.load import Server

    if size_for and (rate or not slo):
        raise click.UsageError("--size-for takes --slo, and no --rate: it searches for one")
    workspace = known_workspace(folder)
    if "://" in endpoint:
        check_loopback(endpoint, yes=yes)  # before it is asked anything
    found = find_endpoint(workspace, endpoint, model=model)
    check_loopback(found.url, yes=yes)
    workers = running_workers(workspace, found.environment) if size_for else 0
    server = Server.of(found.url)
    wanted = objective(slo) if slo else None
    done = load_test(
        server,
        requests_for(workspace, found, server, test_data=test_data, headers=api_key),
        url=found.url + found.path,
        rate=rate if rate or wanted else 50.0,
        slo=wanted,
        seconds=duration(lasts),
        connections=concurrency,
        timeout=duration(timeout),
        poisson=arrivals == "poisson",
        seed=seed,
        say=say,
    )
    if report is not None:
        _write(done, report)
    sized = None
    if size_for:
        sized = size(done, size_for, environment=str(found.environment), workers=workers)
    if as_json:
        emit({**done.to_json(), **({"size": sized.to_json()} if sized else {})})
    else:
        _show(done, report)
        if sized:
            _size(sized)
    if not done.met:
        raise GateFailed(f"{found.url} does not keep {slo}")


def _write(done: LoadTest, report: Path) -> None:
    from mlwright.deploy.loadtest_page import page

    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(page(done))
    except OSError as exc:
        raise ConfigError(f"{report}: the report cannot be written: {exc.strerror}") from exc


def _show(done: LoadTest, report: Path | None) -> None:
    shown = (done.best or done.steps[-1]).to_json()
    latency = shown["latency_ms"]
    facts(
        {
            "requests": f"{shown['requests']:,}, {shown['failed']:,} failed",
            "throughput": f"{shown['throughput']:,.1f} a second",
            **{name: f"{latency[name]:g} ms" for name in ("p50", "p95", "p99", "max")},
            **({"objective": f"{done.objective.text}: {_word(done)}"} if done.objective else {}),
            **({"report": report} if report else {}),
        }
    )
    for notice in done.notices:
        say(f"notice: {notice}")


def _size(found: Size) -> None:
    number = f"{found.workers} worker{'s' * (found.workers > 1)}"
    facts(
        {
            "a worker": f"{found.per_worker:,.1f} requests/s within {found.objective}",
            "size": f"{number} for {found.rate:g} requests/s, a fifth to spare",
        }
    )
    for notice in found.notices:
        say(f"notice: {notice}")
    click.echo(found.setting)


def _word(done: LoadTest) -> str:
    if not done.met:
        return "not kept"
    return "kept up to this rate" if done.searched else "kept"
