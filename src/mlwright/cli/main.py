"""The entry point: finds a command's module when it is called, and turns errors into exit codes.

Exit codes: 0 done; 2 what was given is wrong; 3 a package or tool is missing; 4 something outside
refused; 5 a check said no; 1 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import cast

import click

from mlwright import __version__
from mlwright.core.errors import MlwrightError, did_you_mean

from .options import normalise

COMMANDS = {  # name: (module:attribute, the one-line help that the module repeats)
    "init": ("init:command", "Make a workspace in this folder."),
    "demo": ("demo:command", "Run the whole loop once on real data, in under three minutes."),
    "train": ("train:command", "Train a model from a table, and register it."),
    "tune": (
        "tune:command",
        "Search for better parameters, train with them, and say what they gained.",
    ),
    "validate": (
        "validate:command",
        "Measure a model on test data: intervals, slices, groups, a report; minimums as a gate.",
    ),
    "runs": ("runs:command", "List, compare and verify runs."),
    "models": ("models:command", "List, show, promote and export registered models."),
    "package": (
        "package:command",
        "Package a model from a run, another model, MLflow, or a library's own file.",
    ),
    "adopt": (
        "adopt:command",
        "Bring a model trained elsewhere under deployment and monitoring, without training it.",
    ),
    "predict": ("predict:command", "Predict for a file of rows, or for a stream of them."),
    "serve": ("serve:command", "Serve one model over HTTP, in the foreground."),
    "deploy": ("deploy:command", "Bring a model version into an environment."),
    "status": ("status:command", "Show what answers where, and the rollout under way."),
    "promote": ("promote:command", "Give the new version of a rollout all traffic now."),
    "rollback": ("rollback:command", "Return an environment to its previous version."),
    "stop": ("stop:command", "Stop an environment and every process of it."),
    "endpoint": ("endpoint:group", "Test what answers at an address, from outside."),
    "loadtest": (
        "loadtest:command",
        "Load a server at a rate that does not wait for its answers, or find the rate it bears.",
    ),
    "abtest": (
        "abtest:command",
        "Compare two versions on real traffic by metrics, and promote the winner.",
    ),
    "monitor": ("monitor:command", "Check what production sees and answers; add true labels."),
    "alerts": (
        "alerts:group",
        "Say who is told when something is found; test that it arrives; list what was told.",
    ),
    "retrain": ("retrain:command", "Make a challenger, and promote it only if it wins."),
    "rag": (
        "rag:group",
        "Answer questions from documents: prepare, build, query, evaluate, tune, serve.",
    ),
    "doctor": ("doctor:command", "Look at this machine and workspace for what would fail."),
    "backends": ("backends:command", "List every back-end by kind, and what is missing for it."),
    "config": ("config:command", "Show the configuration as it is understood."),
}

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return cast(
            click.Command, getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(
                f"no command named {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"token_normalize_func": normalise, "help_option_names": ["-h", "--help"]},
    epilog="Begin with: mlwright train --data FILE --target COLUMN",
)
@click.version_option(__version__, message="mlwright %(version)s")
def cli() -> None:
    """Take a model from a table to a service that is watched and corrects itself."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; nothing but a bug leaves a traceback."""
    try:
        return cli.main(args=arguments, prog_name="mlwright", standalone_mode=False) or 0
    except MlwrightError as exc:
        return _complain(str(exc), exc.hint, exc.exit_code)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", "", 130)
    except BrokenPipeError:
        # The reader of our output has gone; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:
        if os.environ.get("MLWRIGHT_DEBUG"):
            raise
        if isinstance(exc, OSError) and exc.errno in _NO_ROOM:
            where = exc.filename or "a temporary file"
            return _complain(f"{where} cannot be written: {exc.strerror}", "make room there", 2)
        text = f"a bug in mlwright: {type(exc).__name__}: {exc}"
        return _complain(text, "set MLWRIGHT_DEBUG=1 to see where, and report it", 1)


def _complain(message: str, hint: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return code


def run() -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(main())
