"""Profiles of each hour, version and segment of an environment, kept when its log is gone.

A segment of the log that has ended is counted once, into one file an hour; files add up exactly
and in any order, so that a month is read in seconds and without a line of the log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import polars as pl

from mlwright.core import clock
from mlwright.core.workspace import Workspace
from mlwright.predictions import reader
from mlwright.predictions.compact import Compaction, compact
from mlwright.profile.make import score_profile
from mlwright.profile.pack import pack, total
from mlwright.profile.profile import Profile

from .compare import complete
from .live import Live, live
from .observe import observe
from .rows import Rows, scores

HOUR = 3600
ALL = ""
MOST_SEGMENTS = 20
_LONGEST = 100
_ENDED = 2.0 * HOUR  # a writer begins anew each hour
_FILE = re.compile(r"(\d+)~(\d+)~([^~]*)~(.+)\.profile")


@dataclass(frozen=True, slots=True)
class Hour:
    """The rows of an hour (its beginning, seconds since 1970), in how many files."""

    time: int
    rows: int


@dataclass(frozen=True, slots=True)
class Span:
    """What the kept profiles say of a span: the sum, and the rows of each hour."""

    profile: Profile
    hours: tuple[Hour, ...]


def keep(
    workspace: Workspace,
    environment: str,
    *,
    segment: str | None = None,
    keep_days: float | None = None,
) -> Compaction:
    """Count segments of the log that ended since last time; then compact and remove old ones.

    Args:
        workspace: where the environment is.
        environment: whose log.
        segment: a feature by whose most frequent values rows are counted separately too.
        keep_days: how long the log itself is kept; for ever when left out. Profiles stay.

    Raises:
        NotFound: there is no such environment, or nothing answers there.
    """
    answering = live(workspace, environment)
    folder = _folder(answering)
    folder.mkdir(parents=True, exist_ok=True)
    for path in reader.segments(answering.log, reader.STEM):
        done = folder / f"{path.stem}.done"
        ended = path.stat().st_mtime < clock.now() - _ENDED
        if ended and not done.exists():
            _count(answering, path, folder, segment)
            done.touch()
    return compact(answering.log, keep_days=keep_days)


def span(
    workspace: Workspace,
    environment: str,
    *,
    since: float,
    until: float,
    segment: str = ALL,
) -> Span:
    """Return the sum of the live version's kept hours with since <= beginning < until.

    Args:
        workspace: where the environment is.
        environment: whose profiles.
        since: seconds since 1970.
        until: not included.
        segment: `column=value`, where `keep` was told the column; else all rows.
    """
    answering = live(workspace, environment)
    files = [
        (hour, rows, path)
        for hour, rows, name, path in _files(_folder(answering))
        if since <= hour < until and name == _name(segment)
    ]
    rows: dict[int, int] = {}
    for hour, count, _ in files:
        rows[hour] = rows.get(hour, 0) + count
    profile = total((path.read_bytes() for _, _, path in files), answering.bundle.profile)
    return Span(profile, tuple(Hour(hour, rows[hour]) for hour in sorted(rows)))


def same_hours_before(answering: Live, *, since: float, until: float, weeks: int = 8) -> list[int]:
    """Return the rows of the same hours in each earlier week that has kept any."""
    counts: dict[int, int] = {}
    for hour, rows, name, _ in _files(_folder(answering)):
        if name == ALL:
            counts[hour] = counts.get(hour, 0) + rows
    week = 7 * 24 * HOUR
    earlier = []
    for back in range(1, weeks + 1):
        found = [n for h, n in counts.items() if since - back * week <= h < until - back * week]
        if found:
            earlier.append(sum(found))
    return earlier


def _folder(answering: Live) -> Path:
    return answering.log.parent / "profiles" / f"{answering.model}-{answering.version}"


def _files(folder: Path) -> Iterator[tuple[int, int, str, Path]]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if match := _FILE.fullmatch(path.name):
            yield int(match[1]), int(match[2]), match[3], path


def _count(answering: Live, path: Path, folder: Path, segment: str | None) -> None:
    """Write the profiles of one segment's hours; done again, they are the same files."""
    read = reader.read_segment(path)
    mine = (pl.col("model") == answering.model) & (pl.col("version") == answering.version)
    table = read.table.filter(mine).unique("request_id", keep="first", maintain_order=True)
    hours = (table["time"] / HOUR).floor().cast(pl.Int64) * HOUR
    for hour in hours.unique().sort().to_list():
        rows = Rows(reader.Window(table.filter(hours == hour), 0, None, None), 0)
        _write(answering, rows, folder, int(hour), ALL, path.stem)
        for value, chosen in _by_value(rows, segment):
            name = _name(f"{segment}={value}")
            _write(answering, _of(rows, chosen), folder, int(hour), name, path.stem)


def _name(segment: str) -> str:
    """Return a segment's name as a part of a file name, which has its limits."""
    name = quote(segment, safe="").replace("~", "%7E")
    return name if len(name) <= _LONGEST else hashlib.sha256(segment.encode()).hexdigest()


def _by_value(rows: Rows, segment: str | None) -> Iterator[tuple[str, pl.Series]]:
    name = f"{reader.PREFIX}{segment}"
    if segment is None or name not in rows.table.columns:
        return
    values = rows.table[name].cast(pl.String)
    for value in values.drop_nulls().value_counts(sort=True)[name].head(MOST_SEGMENTS).to_list():
        yield value, (values == value).fill_null(False)


def _of(rows: Rows, chosen: pl.Series) -> Rows:
    return Rows(reader.Window(rows.table.filter(chosen), 0, None, None), 0)


def _write(answering: Live, rows: Rows, folder: Path, hour: int, segment: str, stem: str) -> None:
    count = rows.table.height
    target = folder / f"{hour}~{count}~{segment}~{stem}.profile"
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(pack(profile_of(answering, rows)))
    unfinished.replace(target)


def profile_of(answering: Live, rows: Rows) -> Profile:
    """Return the profile of rows on the edges of the bundle's."""
    bundle, sample = answering.bundle, rows.sample()
    seen = observe(complete(sample), bundle.signature.inputs, rows=sample.rows, like=bundle.profile)
    like = bundle.profile.score
    given = None if like is None else scores(rows.table, bundle.signature)
    score = None if given is None else score_profile(given, bundle.signature, like)
    return Profile(seen.profile.columns, sample.rows, score)
