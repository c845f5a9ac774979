"""What `mlwright monitor check` compares: an environment's rows or questions, or rows in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.errors import ConfigError

from .monitor_queries import checked_queries, show_queries
from .monitor_show import show
from .options import find_workspace, known_workspace, open_workspace
from .output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlwright.core.settings import Monitor
    from mlwright.monitor.check import Check
    from mlwright.monitor.found import Found
    from mlwright.monitor.queries.check import QueryCheck
    from mlwright.monitor.sources.files import Files
    from mlwright.monitor.watch import Watch
    from mlwright.monitor.watch_files import WatchFiles


@dataclass(frozen=True, slots=True)
class Comparison:
    """The options that say what is compared with what, and who is told."""

    folder: Path | None
    reference: Path | None
    columns: Path | None
    segment: str | None
    joint: bool
    q: float | None
    accuracy: float | None
    since: float | None
    until: float | None
    tell: bool


def checked(what: str, asked: Comparison) -> tuple[Found, Callable[[], None]]:
    """Check rows in files, an environment's rows or its questions; return how it is shown too."""
    if not is_files(what) and _answers_questions(what, asked):
        answered = _of_questions(what, asked)
        return answered, lambda: show_queries(answered)
    found = (_of_files if is_files(what) else _of_environment)(what, asked)
    return found, lambda: show(found)


def _answers_questions(what: str, asked: Comparison) -> bool:
    from mlwright.monitor.live import serves_index

    return serves_index(find_workspace(asked.folder), what)


def _of_questions(what: str, asked: Comparison) -> QueryCheck:
    _refuse_columns(what, asked)
    workspace = find_workspace(asked.folder)
    return checked_queries(
        workspace,
        what,
        _policy(workspace.settings.monitor, asked),
        since=asked.since,
        until=asked.until,
        questions=asked.reference,
    )


def _refuse_columns(what: str, asked: Comparison) -> None:
    """Refuse what is about columns and labels where questions are answered."""
    given = {
        "--columns": asked.columns,
        "--segment": asked.segment,
        "--joint": asked.joint,
        "--performance-threshold": asked.accuracy,
    }
    for option, value in given.items():
        if value:
            raise click.UsageError(f"{option} is for models of rows, and {what} answers questions")


def _of_environment(what: str, asked: Comparison) -> Check:
    from mlwright.monitor.check import check as run_check
    from mlwright.monitor.hours import keep
    from mlwright.monitor.tell import tell

    workspace = find_workspace(asked.folder)
    found = run_check(
        workspace,
        what,
        since=asked.since,
        until=asked.until,
        policy=_policy(workspace.settings.monitor, asked),
        reference=_files(asked.reference, asked.columns) if asked.reference else None,
        segment=asked.segment,
        minimum_accuracy=asked.accuracy,
        say=say,
    )
    tell(workspace, found, say=say)
    keep(workspace, what, say=say)
    return found


def watch_environment(what: str, asked: Comparison, interval: float) -> Watch:
    """Return a watch of an environment, which begins with the last interval."""
    from mlwright.monitor.queries.watch import watch_of
    from mlwright.monitor.watch import Asked

    if asked.since is not None:
        raise click.UsageError("--since is for one check: a watch begins with the last interval")
    if _answers_questions(what, asked):
        _refuse_columns(what, asked)
        if asked.reference:
            raise click.UsageError(f"--reference-data is for one check of {what}: no interval")
    reference = _files(asked.reference, asked.columns) if asked.reference else None
    beyond = Asked(asked.q, reference, asked.segment, asked.accuracy, asked.joint)
    return watch_of(find_workspace(asked.folder), what, interval, beyond, say=say)


def _of_files(path: str, asked: Comparison) -> Check:
    from mlwright.monitor.sources.ahead import Ahead

    begun = Ahead(Path(path))  # reads while what follows is imported
    from mlwright.core.settings import Monitor
    from mlwright.monitor.of_files import check_files

    source, reference = _pair(path, asked)
    source.ahead = begun
    known = open_workspace(asked.folder) if asked.tell else known_workspace(asked.folder)
    found = check_files(
        source,
        reference,
        _policy(known.settings.monitor if known else Monitor(), asked),
        since=asked.since,
        until=asked.until,
        minimum_accuracy=asked.accuracy,
        segment=asked.segment,
        say=say,
    )
    if asked.tell and known:
        from mlwright.monitor.tell import tell

        tell(known, found, say=say)
    return found


def watch_files(path: str, asked: Comparison, interval: float) -> WatchFiles:
    """Return a watch of files, which goes on from where the last one came to."""
    from mlwright.monitor.watch_files import WatchFiles

    source, reference = _pair(path, asked)
    workspace = open_workspace(asked.folder)  # it keeps how far the watch has come
    return WatchFiles(
        workspace,
        Path(path),
        source,
        reference,
        _policy(workspace.settings.monitor, asked),
        interval,
        since=asked.since,
        minimum_accuracy=asked.accuracy,
        segment=asked.segment,
        told=asked.tell,
        say=say,
    )


def _pair(path: str, asked: Comparison) -> tuple[Files, Files]:
    if asked.reference is None:
        raise ConfigError(
            f"what should {path} be compared with?",
            hint="add --reference-data FILE, such as the table that the model was trained on",
        )
    return (
        _files(Path(path), asked.columns),
        _files(asked.reference, asked.columns, lenient=True),
    )


def _policy(settings: Monitor, asked: Comparison) -> Monitor:
    q = settings.drift_threshold if asked.q is None else asked.q
    together = asked.joint or settings.joint
    return settings.model_copy(update={"drift_threshold": q, "joint": together})


def _files(path: Path, column_map: Path | None, *, lenient: bool = False) -> Files:
    """Return files as a source; a reference need not have all that the map names."""
    from mlwright.monitor.sources.column_map import ColumnMap, read_map
    from mlwright.monitor.sources.files import Files

    columns = read_map(column_map) if column_map else ColumnMap()
    return Files(path, columns, lenient=lenient, say=say)


def is_files(what: str) -> bool:
    """Say whether this is a path rather than an environment's name."""
    return Path(what).exists() or "/" in what or bool(Path(what).suffix)
