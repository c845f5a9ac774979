"""Profiles of each hour, version and segment of an environment, kept when its log is gone.

A file of the log that has ended is counted once, into one profile an hour and version; profiles
add up exactly and in any order, so that a month is read in seconds and without a line of the log.

The log itself goes after `monitor.keep_days`, and only what is counted. Rows whose labels were told
are copied before, and stay as long as retraining may learn from them (`retrain.training_data`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.trust import Trust
from mlwright.core import clock
from mlwright.core.errors import Busy, NotFound
from mlwright.core.files import write_json
from mlwright.core.workspace import Workspace
from mlwright.predictions import reader, truths
from mlwright.predictions.compact import Compaction, compact
from mlwright.profile.pack import pack
from mlwright.track.models import resolve

from .counted import count
from .live import Live, log_of, serves_index
from .rows import SKEW, Rows

HOUR = 3600
ALL = ""
MOST_SEGMENTS = 20
_LONGEST = 100
_ENDED = 2.0 * HOUR  # a writer begins anew each hour
_FILE = re.compile(r"(\d+)~(\d+)~([^~]*)~(.+)\.profile")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A kept profile: of the rows of one version, hour (its beginning) and file of the log."""

    model: str
    version: int
    time: int
    rows: int
    segment: str
    stem: str
    path: Path


def keep(workspace: Workspace, environment: str, *, say: Say = lambda _: None) -> Compaction:
    """Count files of the log that ended since last time, compact them, and remove old ones.

    What is kept and for how long is in the settings: `monitor.segment`, `monitor.keep_days`.
    Another process that does the same is not waited for. Of a log of questions nothing is kept.
    """
    if serves_index(workspace, environment):
        return Compaction(0, 0)
    with contextlib.suppress(Busy), workspace.lock(f"keep {environment}", "keeping the log"):
        return _keep(workspace, environment, say)
    return Compaction(0, 0)


def _keep(workspace: Workspace, environment: str, say: Say) -> Compaction:
    log, settings = log_of(workspace, environment), workspace.settings
    folder = _folder(log)
    marks = done(log)
    ended = [
        path
        for path in reader.segments(log, reader.STEM)
        if path.stem not in marks and path.stat().st_mtime < clock.now() - _ENDED
    ]
    for place, path in enumerate(ended, start=1):
        say(f"counting the log's hours: {path.name}, {place} of {len(ended)}")
        left_out = _count(workspace, path, folder, settings.monitor.segment)
        write_json(folder / f"{path.stem}.done", left_out)
    days = settings.monitor.keep_days
    truths.keep(log)
    compacted = compact(log, keep_days=days, counted=done(log))
    if days is not None:
        longest = max(days * 86_400, settings.retrain.training_data)
        truths.forget(log, before=clock.now() - longest)
    return compacted


def done(log: Path) -> set[str]:
    """Return the stems of the log's files that are counted."""
    return {path.stem for path in _folder(log).glob("*.done")}


def left_out(log: Path, *, since: float, until: float) -> dict[str, int]:
    """Return what was left out of the counted files whose rows lie in a span, by reason."""
    counts: dict[str, int] = {}
    for path in sorted(_folder(log).glob("*.done")):
        mark = json.loads(path.read_bytes())
        if mark["first"] is not None and mark["first"] < until and mark["last"] >= since:
            for reason, number in mark["left_out"].items():
                counts[reason] = counts.get(reason, 0) + number
    return counts


def parts(
    log: Path, *, since: float, until: float, segment: str = ALL, counted: set[str] | None = None
) -> list[Part]:
    """Return the profiles of hours with since <= beginning < until, of counted files alone.

    Args:
        log: of the environment.
        since: seconds since 1970.
        until: not included.
        segment: `column=value` for a segment, else all rows.
        counted: the files to take for counted; those that are when left out.
    """
    marks = done(log) if counted is None else counted
    name = _name(segment) if segment else ALL
    return [
        part
        for part in _files(_folder(log))
        if since <= part.time < until and part.segment == name and part.stem in marks
    ]


def parts_by_value(
    answering: Live, column: str, *, since: float, until: float
) -> Iterator[tuple[str, Part]]:
    """Give the live version's profiles of a column's values, of counted files alone.

    A value of more than some 80 characters has no name left, and is passed over.
    """
    marks, begins = done(answering.log), _name(f"{column}=")
    for part in _files(_folder(answering.log)):
        mine = (part.model, part.version) == (answering.model, answering.version)
        inside = since <= part.time < until and part.stem in marks
        if mine and inside and part.segment.startswith(begins):
            yield unquote(part.segment.removeprefix(begins)), part


def answered(log: Path, *, since: float | None, until: float) -> int:
    """Return how many rows of all versions were answered in a span, also where the log is gone.

    Hours that are counted are taken whole.
    """
    marks = done(log)
    first = 0.0 if since is None else since // HOUR * HOUR
    counted = sum(part.rows for part in parts(log, since=first, until=until, counted=marks))
    rest = reader.read(log, since=since, until=until, without=marks)
    return counted + rest.table.height


def same_hours_before(answering: Live, *, since: float, until: float, weeks: int = 8) -> list[int]:
    """Return the live version's rows of the same hours in each earlier week that has kept any."""
    week = 7 * 24 * HOUR
    counts: dict[int, int] = {}
    for part in parts(answering.log, since=since - weeks * week, until=since):
        if (part.model, part.version) == (answering.model, answering.version):
            counts[part.time] = counts.get(part.time, 0) + part.rows
    earlier = []
    for back in range(1, weeks + 1):
        found = [n for h, n in counts.items() if since - back * week <= h < until - back * week]
        if found:
            earlier.append(sum(found))
    return earlier


def _folder(log: Path) -> Path:
    return log.parent / "profiles"


def _files(folder: Path) -> Iterator[Part]:
    for path in sorted(folder.glob("*/*.profile")):
        match = _FILE.fullmatch(path.name)
        model, _, version = path.parent.name.rpartition("-")
        if match and version.isdigit():
            hour, rows = int(match[1]), int(match[2])
            yield Part(model, int(version), hour, rows, match[3], match[4], path)


def _count(
    workspace: Workspace, path: Path, folder: Path, segment: str | None
) -> dict[str, object]:
    """Write the profiles of one file's hours; done again, they are the same files."""
    read = reader.read_segment(path)
    table = read.table.filter(pl.col("time") <= path.stat().st_mtime + SKEW)
    ahead = read.table.height - table.height
    once = table.unique("request_id", keep="first", maintain_order=True)
    unknown = 0
    for (model, version), mine in once.group_by("model", "version", maintain_order=True):
        bundle = _bundle(workspace, f"{model}:{version}")
        if bundle is None:
            unknown += mine.height
            continue
        _count_version(bundle, mine, folder / f"{model}-{version}", path.stem, segment)
    counts = {
        "damaged lines": read.skipped,
        "repeated request ids": table.height - once.height,
        "rows ahead of this clock": ahead,
        "rows of versions that are not registered": unknown,
    }
    times = once["time"]
    return {
        "first": times.min(),
        "last": times.max(),
        "left_out": {reason: number for reason, number in counts.items() if number},
    }


def _bundle(workspace: Workspace, version: str) -> Bundle | None:
    try:
        found = resolve(workspace, version)
    except NotFound:
        return None
    return Bundle.open(found.bundle, trust=Trust.of(workspace.settings.trust))


def _count_version(
    bundle: Bundle, table: pl.DataFrame, folder: Path, stem: str, segment: str | None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hours = (table["time"] / HOUR).floor().cast(pl.Int64) * HOUR
    for hour in hours.unique().sort().to_list():
        rows = table.filter(hours == hour)
        _write(bundle, rows, folder, f"{hour}~{rows.height}~{ALL}~{stem}")
        for value, chosen in by_value(rows, segment):
            name = _name(f"{segment}={value}")
            _write(bundle, chosen, folder, f"{hour}~{chosen.height}~{name}~{stem}")


def _name(segment: str) -> str:
    """Return a segment's name as a part of a file name, which has its limits."""
    name = quote(segment, safe="").replace("~", "%7E")
    return name if len(name) <= _LONGEST else hashlib.sha256(segment.encode()).hexdigest()


def by_value(table: pl.DataFrame, segment: str | None) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the rows of each of a column's 20 most frequent values, as text."""
    name = f"{reader.PREFIX}{segment}"
    if segment is None or name not in table.columns:
        return
    values = table[name].cast(pl.String)
    for value in values.drop_nulls().value_counts(sort=True)[name].head(MOST_SEGMENTS).to_list():
        yield value, table.filter((values == value).fill_null(False))


def _write(bundle: Bundle, table: pl.DataFrame, folder: Path, name: str) -> None:
    target = folder / f"{name}.profile"
    unfinished = target.with_suffix(".part")
    rows = Rows(reader.Window(table, 0, None, None), 0)
    unfinished.write_bytes(pack(count(bundle, rows)))
    unfinished.replace(target)
