"""What every command has in common: both spellings of a flag, true/false after it, `--json`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


def normalise(token: str) -> str:
    """Read `--canary_percentage` as `--canary-percentage`.

    >>> normalise("canary_percentage")
    'canary-percentage'
    """
    return token.replace("_", "-")


class Command(click.Command):
    """A command that takes `true` or `false` after a boolean flag, and ends with an example."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `--flag true` as `--flag`, and `--flag false` as if it were not there."""
        flags = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
        }
        return super().parse_args(ctx, _without_booleans(args, flags))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example under the options."""
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write_text(line)


def _dashed(token: str) -> str:
    return "--" + normalise(token[2:]) if token.startswith("--") else token


def _without_booleans(tokens: list[str], flags: set[str]) -> list[str]:
    read: list[str] = []
    for i, token in enumerate(tokens):
        if token == "--":  # noqa: S105  # not a password: what follows are arguments
            return [*read, *tokens[i:]]
        after_flag = i > 0 and _dashed(tokens[i - 1]) in flags
        if after_flag and token.lower() in ("true", "false"):
            if token.lower() == "false":
                read.pop()
        else:
            read.append(token)
    return read


def json_option(function: F) -> F:
    """Add `--json`: one object on standard output, messages on standard error."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def yes_option(function: F) -> F:
    """Add `--yes`: do not ask, where a person would be asked."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def environment_option(whose: str) -> Callable[[F], F]:
    """Add `--environment`; `environment_meant` says which one it is where none is named."""
    return click.option("--environment", help=f"{whose}  [default: production, or the only one]")


def environment_meant(workspace: Workspace, named: str | None) -> str:
    """Return the environment that is named, else the only one there is, else `production`."""
    if named is not None:
        return named
    from sqlalchemy import select

    from mlwright.core.state import environments

    with workspace.state.read() as connection:
        known = connection.execute(select(environments.c.name)).scalars().all()
    return str(known[0]) if len(known) == 1 else "production"


def seed_option(function: F) -> F:
    """Add `--seed`."""
    return click.option("--seed", default=0, show_default=True, help="Seed of all chance.")(
        function
    )


def api_key_option(function: F) -> F:
    """Add `--api-key`, which gives the headers that carry it."""
    return click.option(
        "--api-key", metavar="env:NAME", callback=_key_headers, help="What the server asks for."
    )(function)


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def admin_port_option(function: F) -> F:
    """Add `--admin-port`."""
    return click.option(
        "--admin-port",
        type=click.IntRange(0, 65535),
        help="Port for health and /metrics, which then is nowhere else; it asks for no key.",
    )(function)


def server_options(function: F) -> F:
    """Add what every server has: workers, keys, an administrator's port, TLS."""
    for option in (
        click.option(
            "--tls-key", type=_FILE, callback=_both, help="Private key of --tls-cert, a PEM file."
        ),
        click.option(
            "--tls-cert",
            type=_FILE,
            is_eager=True,
            help="Certificate chain, a PEM file: answer over HTTPS.",
        ),
        admin_port_option,
        click.option(
            "--api-keys",
            metavar="env:NAME[,env:NAME]",
            callback=_key_names,
            help="Environment variables with the keys that callers may show; health needs none.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            help="How many processes answer.",
        ),
    ):
        function = option(function)
    return function


def split_options(function: F) -> F:
    """Add `--split`, `--force-random-split` and `--drop-leaks`."""
    for option in (
        click.option(
            "--drop-leaks", is_flag=True, help="Leave out columns that may know the answer."
        ),
        click.option("--force-random-split", is_flag=True, help="Let random stand on dated rows."),
        click.option(
            "--split",
            metavar="auto|random|time|group:COLUMN",
            callback=_checked_split,
            help="How rows to judge by are kept apart.  [default: auto, by time where dated]",
        ),
    ):
        function = option(function)
    return function


def given(**choices: str | bool | float | None) -> dict[str, Any]:
    """Return the choices that a flag made; those left alone are the configuration's.

    >>> given(split="time", drop_leaks=False, device=None)
    {'split': 'time'}
    """
    return {name: choice for name, choice in choices.items() if choice not in (None, False)}


def _checked_split(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    if value is None or value in ("auto", "random", "time") or value[:6] == "group:" != value:
        return value
    raise click.BadParameter(
        f"{value!r} is none of auto, random, time, group:COLUMN", ctx=context, param=parameter
    )


def _both(context: click.Context, _parameter: click.Parameter, key: Path | None) -> Path | None:
    if (key is None) != (context.params.get("tls_cert") is None):
        raise click.UsageError("--tls-cert and --tls-key belong together", ctx=context)
    return key


def _key_names(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(",")) if value else ()
    for name in names:
        if not name.startswith("env:") or not name[4:].isidentifier():
            raise click.BadParameter(
                "keys are named by environment variables, env:NAME[,env:NAME], never in clear",
                ctx=context,
                param=parameter,
            )
    return names


def _key_headers(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> dict[str, str]:
    if value is None:
        return {}
    from mlwright.core.secrets import reveal

    if not value.startswith("env:"):
        raise click.BadParameter("write env:NAME, never a key itself", ctx=context, param=parameter)
    return {"authorization": f"Bearer {reveal(value)}"}


def workspace_option(function: F) -> F:
    """Add `--workspace`, by default this folder or the nearest above that has one."""
    return click.option(
        "--workspace",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Folder of the workspace.  [default: here or above]",
    )(function)


def find_workspace(folder: Path | None) -> Workspace:
    """Return the workspace that the user named, or the nearest one."""
    from mlwright.core.workspace import Workspace

    return Workspace.find(folder or Path.cwd())


def known_workspace(folder: Path | None) -> Workspace | None:
    """Return the workspace that the user named, or the nearest one, or None where there is none."""
    from mlwright.core.errors import NotFound

    try:
        return find_workspace(folder)
    except NotFound:
        if folder is not None:
            raise
        return None


def open_workspace(folder: Path | None) -> Workspace:
    """Return the workspace; the first command in an empty folder makes it there."""
    from mlwright.core.errors import NotFound
    from mlwright.core.workspace import Workspace

    start = folder or Path.cwd()
    try:
        return Workspace.find(start)
    except NotFound:
        return Workspace.create(start)
