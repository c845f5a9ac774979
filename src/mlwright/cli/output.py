"""How results are printed: JSON for machines on stdout, tables for people, messages on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def say(message: str) -> None:
    """Print a progress line on standard error."""
    click.echo(message, err=True)


def emit(value: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


def measured(value: Mapping[str, Any]) -> str:
    """Write a measured value with its interval and sample size.

    >>> measured({"value": 0.8453, "low": 0.826, "high": 0.8634, "n": 1409})
    '0.845 [0.826, 0.863] n=1,409'
    """
    interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
    return f"{value['value']:.3f} {interval} n={value['n']:,}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table on standard output, as wide as the terminal or as its content when piped."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in header:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))  # Text: no markup from strangers' names
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(made)


def facts(pairs: Mapping[str, object]) -> None:
    """Print names and values, aligned."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        click.echo(f"{name:<{width}}  {value}")


def confirmed(question: str, *, yes: bool) -> None:
    """Ask a person at a terminal; a script, or `--yes`, is not asked.

    Raises:
        click.Abort: the person said no.
    """
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(question, abort=True, err=True)
