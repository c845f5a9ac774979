"""`mlwright predict`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from .options import Command, admin_port_option, find_workspace, json_option, workspace_option
from .output import emit, say


@click.command(
    cls=Command,
    example="mlwright predict churn --input new.csv --output scored.csv --keep customer_id\n"
    "mlwright predict churn --stream redis://localhost/customers --output scores",
)
@click.argument("model")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    help="CSV, Parquet or JSON lines, of any size: a file, a folder, or - for standard input.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A .csv, .jsonl (also .gz) or .parquet file, or - for standard output. With --stream the "
    "stream to write to.  [default there: STREAM:predictions]",
)
@click.option(
    "--keep", metavar="COLUMNS", help="Columns of the input to keep, as id,date.  [default: all]"
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Stop at a row that does not fit, or leave such rows out and list them.",
)
@click.option(
    "--stream",
    metavar="redis://HOST[:PORT][/DB]/STREAM",
    help="Predict what comes, until stopped: messages with a JSON object in the field `row`. "
    "env:NAME names a variable with the address, where it holds a password.",
)
@click.option(
    "--group",
    help="Consumer group; all that share one share the messages.  [default: mlwright:MODEL]",
)
@click.option(
    "--refused",
    metavar="STREAM",
    help="Where messages go that nobody can answer, with the "
    "reason and never a value.  [default: STREAM:refused]",
)
@click.option(
    "--claim-after",
    type=click.FloatRange(1, 86400),
    default=60.0,
    show_default=True,
    help="Seconds without a sign after which another consumer's messages are taken over.",
)
@click.option(
    "--max-length",
    type=click.IntRange(1),
    help="About how many messages the streams that are written keep; older ones go, read or not. "
    " [default: all]",
)
@admin_port_option
@click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the prediction log of a stream.  [default: in the workspace]",
)
@workspace_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    model: str,
    source: Path | None,
    output: Path | None,
    keep: str | None,
    on_error: str,
    stream: str | None,
    folder: Path | None,
    as_json: bool,
    **following: Any,
) -> None:
    """Predict for a file of rows, or for a stream of them."""
    _check_choices(context, stream)
    if stream is not None:
        _follow(model, stream, output, folder, as_json, **following)
        return
    if source is None or output is None:
        raise click.UsageError("give --input and --output, or --stream", ctx=context)
    from mlwright.bundle.trust import Trust
    from mlwright.core.errors import ConfigError
    from mlwright.serve.batch import STANDARD, predict_file
    from mlwright.track.models import resolve

    if as_json and output == STANDARD:
        raise ConfigError(
            "--json and the predictions cannot both go to standard output",
            hint="name an --output file",
        )
    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    with progress_line() as progress:
        done = predict_file(
            version.bundle,
            source,
            output,
            model_version=version.version,
            keep=None if keep is None else [name.strip() for name in keep.split(",") if name],
            skip_bad=on_error == "skip",
            trust=Trust.of(workspace.settings.trust),
            say=say,
            progress=progress,
        )
    if as_json:
        emit({**done.to_json(), "model": version.model, "version": version.version})
        return
    say(f"{done.rows:,} rows predicted by {version} → {output}")
    if done.problems:
        say(f"{done.skipped:,} rows do not fit the model and are left out: {done.problems}")


_OF_FILES = ("source", "keep", "on_error")
_OF_STREAMS = ("group", "refused", "claim_after", "max_length", "admin_port", "log")


def _check_choices(context: click.Context, stream: str | None) -> None:
    """Refuse an option that means nothing for what is predicted."""
    for name in _OF_STREAMS if stream is None else _OF_FILES:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            flag = "input" if name == "source" else name.replace("_", "-")
            means = "is for --stream alone" if stream is None else "is for files, not for --stream"
            raise click.UsageError(f"--{flag} {means}", ctx=context)


def _follow(
    model: str,
    stream: str,
    output: Path | None,
    folder: Path | None,
    as_json: bool,
    *,
    group: str | None,
    refused: str | None,
    claim_after: float,
    max_length: int | None,
    admin_port: int | None,
    log: Path | None,
) -> None:
    from mlwright.bundle.trust import Trust
    from mlwright.serve.following import follow
    from mlwright.serve.redis_stream import Following, Place
    from mlwright.serve.spec import WorkerSpec, log_policy
    from mlwright.serve.standalone import listen
    from mlwright.track.models import resolve

    place = Place.read(stream)
    workspace = find_workspace(folder)
    version = resolve(workspace, model)
    following = Following(
        place,
        group=group or f"mlwright:{version.model}",
        answers=str(output or f"{place.stream}:predictions"),
        refused=refused or f"{place.stream}:refused",
        idle=claim_after,
        most=max_length,
    )
    spec = WorkerSpec(
        bundle=str(version.bundle),
        model=version.model,
        version=version.version,
        environment="",
        log_folder=str(log or workspace.folder / "serve" / version.model / "log"),
        socket="",
        pid_file="",
        log=log_policy(workspace),
        trust=Trust.of(workspace.settings.trust),
    )
    with contextlib.ExitStack() as stack:
        admin = None
        if admin_port is not None:
            admin = stack.enter_context(listen("127.0.0.1", admin_port, option="--admin-port"))
        counts = follow(spec, following, admin=admin, say=say)
    if as_json:
        emit({**counts.to_json(), "model": version.model, "version": version.version})
        return
    say(
        f"{counts.answered:,} messages answered and {counts.refused:,} refused; "
        f"{counts.taken_over:,} of them were taken over"
    )


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[float, int], None]]:
    """Show at a terminal how far it is and how long it will take, from the second second on."""
    first: list[tuple[float, float]] = []  # when, and how far a former run had come
    shown = [0.0]

    def progress(share: float, rows: int) -> None:
        now = time.monotonic()
        if not first:
            first.append((now, share))
        began, before = first[0]
        if now - began < 1 or now - shown[0] < 0.2 or not sys.stderr.isatty():
            return
        left = (now - began) * (1 - share) / max(share - before, 1e-9)
        shown[0] = now
        click.echo(f"\r{share:4.0%}  {rows:,} rows  {left:,.0f} s left \x1b[K", nl=False, err=True)

    try:
        yield progress
    finally:
        if shown[0]:
            click.echo("\r\x1b[K", nl=False, err=True)
