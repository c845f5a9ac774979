"""`mlwright abtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlwright.core.errors import ConfigError, DataError

from .deploy import read_guards
from .options import Command, find_workspace, json_option, workspace_option, yes_option
from .output import confirmed, emit, facts, measured, say, table

if TYPE_CHECKING:
    from mlwright.deploy.abtest import Report
    from mlwright.deploy.abtest_design import AbTest, Design
    from mlwright.deploy.experiment import Compared


@click.group()
def command() -> None:
    """Compare two versions on real traffic by metrics, and promote the winner."""


@command.command(
    cls=Command,
    example="mlwright abtest start test.yaml production",
)
@click.argument("arguments", nargs=-1, metavar="[TEST.yaml] ENVIRONMENT")
@click.option("--model-a", help="The version that answers now.")
@click.option("--model-b", help="The version that is tried.")
@click.option("--share-b", type=float, help="Percent of the traffic for B.  [default: 50]")
@click.option("--metric", "metrics", multiple=True, help="As accuracy, precision or latency.")
@click.option("--duration-days", type=float, help="How long it is to run.  [default: 7]")
@click.option("--effect", type=float, help="The difference it should find.  [default: 0.02]")
@click.option("--guard", "guards", multiple=True, help="What ends it early, as error_rate=1%.")
@click.option("--dry-run", is_flag=True, help="Say what it can find, and start nothing.")
@yes_option
@workspace_option
@json_option
def start(
    arguments: tuple[str, ...],
    guards: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    folder: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Say what an experiment can find, and start it."""
    from mlwright.deploy import abtest
    from mlwright.deploy.abtest_design import design

    from .status import show

    if not 1 <= len(arguments) <= 2:
        raise click.UsageError("name an ENVIRONMENT, after a file when there is one")
    *files, environment = arguments
    workspace = find_workspace(folder)
    test = _test(Path(files[0]) if files else None, read_guards(guards), given)
    made = design(workspace, environment, test)
    if dry_run:
        emit(made.to_json()) if as_json else _design(made)
        return
    if not as_json:
        _design(made)
    confirmed("Start it?", yes=yes)
    status = abtest.start(workspace, environment, test, say=say)
    if as_json:
        emit({**status.to_json(), "design": made.to_json()})
    else:
        show(status)
        click.echo(f"Next: mlwright abtest report {environment}")


@command.command(cls=Command, example="mlwright abtest report production")
@click.argument("environment")
@click.option("--report", "path", type=click.Path(path_type=Path), help="Write a page, HTML.")
@workspace_option
@json_option
def report(environment: str, path: Path | None, folder: Path | None, as_json: bool) -> None:
    """Show what an experiment has found so far; look as often as you like."""
    from mlwright.deploy import abtest

    found = abtest.report(find_workspace(folder), environment)
    if path is not None:
        _write(found, path)
    emit(found.to_json()) if as_json else _report(found)


@command.command(cls=Command, example="mlwright abtest stop production --promote-winner")
@click.argument("environment")
@click.option("--promote-winner", is_flag=True, help="Give B all traffic if it won.")
@yes_option
@workspace_option
@json_option
def stop(
    environment: str, promote_winner: bool, yes: bool, folder: Path | None, as_json: bool
) -> None:
    """End an experiment, and say what it found."""
    from mlwright.deploy import abtest
    from mlwright.track import mirror

    workspace = find_workspace(folder)
    confirmed(f"End the experiment in {environment}?", yes=yes)
    found, status = abtest.stop(workspace, environment, promote_winner=promote_winner, say=say)
    mirror.flush(workspace, say=say)
    if as_json:
        emit({**found.to_json(), "status": status.to_json()})
        return
    _report(found)
    answering = [v.version for v in status.versions if v.state == "answering"]
    click.echo(f"{environment} answers with {status.model}:{answering[0] if answering else '-'}.")


@command.command(
    cls=Command, example="mlwright abtest record production --metric sold --values F.csv"
)
@click.argument("environment")
@click.option("--metric", required=True, help="The name of the value, as conversion.")
@click.option(
    "--values",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A table with the columns request_id and value.",
)
@workspace_option
@json_option
def record(environment: str, metric: str, values: Path, folder: Path | None, as_json: bool) -> None:
    """Tell what requests brought, for a metric of the business or a guard on it."""
    from mlwright.data.read import read
    from mlwright.deploy.release import status
    from mlwright.predictions import measures

    workspace = find_workspace(folder)
    status(workspace, environment)
    told = read(values)
    if missing := [name for name in ("request_id", "value") if name not in told.columns]:
        raise DataError(
            f"{values}: no column {' and no column '.join(missing)}",
            hint="the header is request_id,value",
        )
    try:
        pairs = [(str(i), float(v)) for i, v in told.select("request_id", "value").iter_rows()]
    except (TypeError, ValueError):
        raise DataError(f"{values}: a value is empty or no number") from None
    count = measures.add(workspace.environment(environment) / "log", metric, pairs)
    emit({"recorded": count}) if as_json else click.echo(f"{count:,} values of {metric} recorded.")


def _test(path: Path | None, guards: dict[str, str] | None, given: dict[str, Any]) -> AbTest:
    from mlwright.deploy.abtest_design import make, read_test

    flags = {name: value for name, value in given.items() if value not in (None, ())}
    if share := flags.pop("share_b", None):
        if not 0 < share < 100:
            raise click.UsageError("--share-b is a percentage, above 0 and below 100")
        flags["traffic_split"] = {"a": 100 - share, "b": share}
    if guards:
        flags["guards"] = guards
    if path is not None:
        return make(**{**read_test(path).model_dump(), **flags})
    if not flags.get("model_a") or not flags.get("model_b"):
        raise click.UsageError("give a file, or --model-a and --model-b")
    return make(**flags)


def _design(made: Design) -> None:
    shown: dict[str, object] = {
        "A": f"{made.a}, {1 - made.share:.0%} of traffic",
        "B": f"{made.b}, {made.share:.0%} of traffic",
        "length": f"{made.days:g} days",
        "traffic": f"{made.units_a_day:,.0f} units a day"
        if made.units_a_day
        else "no traffic in the last day: how long it takes is not known",
    }
    for each in made.power:
        shown[each["metric"]] = _power(each)
    facts(shown)


def _power(each: dict[str, Any]) -> str:
    if each["baseline"] is None:
        return "no holdout value to plan with"
    text = (
        f"a difference of {each['effect']:g} from {each['baseline']:.3f} takes "
        f"{each['units_needed']:,} units"
    )
    if each["days_needed"]:
        text += (
            f", {each['days_needed']:.1f} days; in the time planned one of "
            f"{each['smallest_effect']:.3g} is found"
        )
    return text


def _write(found: Report, path: Path) -> None:
    from mlwright.deploy.abtest_page import page

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(found))
    except OSError as exc:
        raise ConfigError(f"{path}: the report cannot be written: {exc.strerror}") from exc
    say(f"report: {path}")


def _report(found: Report) -> None:
    from mlwright.deploy.abtest import WINNERS

    shown = found.to_json()
    facts(
        {
            "experiment": f"{shown['model_a']} (A) against {shown['model_b']} (B), {found.state}",
            "length": f"{found.days:.2f} of {found.planned_days:g} days, {found.units:,} units",
            "analysis": shown["analysis"],
            "winner": WINNERS[found.winner],
        }
    )
    rows = [_row(each.metric, each) for each in found.compared]
    rows += [[name, "-", "-", "-", "not enough data"] for name in found.missing]
    table(["metric", "A", "B", "B - A", "found"], rows)
    if found.segments:
        parts = [_row(f"{column}={value}", each) for column, value, each in found.segments]
        table(["segment", "A", "B", "B - A", "found"], parts)
    if found.split.get("mismatch"):
        click.echo("sample-ratio mismatch: B did not get its share, so nothing can be concluded")
    for guard in shown["guards"]:
        click.echo(f"guard {guard['verdict']}")


def _row(name: str, each: Compared) -> list[str]:
    shown = (measured(value.to_json()) for value in (each.a, each.b, each.difference))
    return [name, *shown, each.word]
