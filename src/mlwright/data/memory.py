"""Whether a table will fit in memory, said before it is read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from mlwright.core.errors import DataError
from mlwright.data.encoding import open_bytes

_HEAD = 1 << 20
_MOST_PACKED = 1032
"""No gzip file is packed closer than this: https://www.zlib.net/zlib_tech.html."""
_USUALLY_PACKED = 4
_WHILE_READING = 1.5
_OF_TEXT = 4.0
_OF_A_STRING = 40
_NO_LIMIT = 1 << 60


def check_fits(files: Sequence[Path], *, name: str, available: int | None = None) -> None:
    """Refuse files that would need more memory as a table than this process can have.

    Text is judged by its first megabyte, Parquet by its metadata; half as much again is added for
    the reading.

    Args:
        files: CSV, JSON lines (plain or gzipped) or Parquet.
        name: what the message calls them.
        available: bytes; by default what the system and its control groups leave.

    Raises:
        DataError: with what is needed and what there is.
    """
    available = available_memory() if available is None else available
    if available is None:
        return
    packed = sum(path.stat().st_size for path in files)
    if packed * (_MOST_PACKED if any(p.suffix == ".gz" for p in files) else 20) < available:
        return
    needed = _WHILE_READING * sum(_as_table(path) for path in files)
    if needed > available:
        raise too_large(name, needed, available)


def too_large(name: str, needed: float, available: int) -> DataError:
    """Return the error for a table that does not fit."""
    return DataError(
        f"{name} needs about {size_words(needed)} of memory as a table, and "
        f"{size_words(available)} are free",
        hint="give a part of its rows or columns, or more memory",
    )


def size_words(count: float) -> str:
    """Write a number of bytes for people.

    >>> size_words(3_210_000_000), size_words(5_000)
    ('3.2 GB', '0.0 MB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"


def available_memory(
    *, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Return the bytes that this process may still take, or None where nobody says.

    The least of what Linux has available and what each control group above the process leaves
    (version 1 and 2); file pages that a group can drop count as free.
    """
    found = [*_system(proc), *_groups(proc, groups)]
    return max(min(found), 0) if found else None


def _system(proc: Path) -> Iterator[int]:
    for line in _lines(proc / "meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _groups(proc: Path, groups: Path) -> Iterator[int]:
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, inside = line.split(":", 2)
        if controllers == "":
            yield from _left(groups, inside, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield from _left(
                groups / "memory",
                inside,
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )


def _left(root: Path, inside: str, limit: str, usage: str, droppable: str) -> Iterator[int]:
    """Yield what each group from the process's own up to the root leaves."""
    folder = root / inside.strip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(root):
            return
        most, used = _number(group / limit), _number(group / usage)
        if most is not None and used is not None and most < _NO_LIMIT:
            stat = dict(line.split() for line in _lines(group / "memory.stat"))
            yield most - used + int(stat.get(droppable, 0))


def _number(path: Path) -> int | None:
    text = next(iter(_lines(path)), "")
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _as_table(path: Path) -> float:
    if path.suffix.lower() in (".parquet", ".pq"):
        return _of_parquet(path)
    return _of_head(path) * _unpacked(path)


def _of_parquet(path: Path) -> float:
    try:
        lazy = pl.scan_parquet(path)
        rows = int(lazy.select(pl.len()).collect().item())
        types = lazy.collect_schema().dtypes()
    except pl.exceptions.PolarsError:
        return 0.0  # reading it will say what is wrong
    wide = sum(8 if kind.is_numeric() or kind.is_temporal() else _OF_A_STRING for kind in types)
    return float(rows * wide)


def _of_head(path: Path) -> float:
    """Return the bytes of table that a byte of text becomes, by the first megabyte."""
    reader = pl.read_ndjson if ".json" in path.name or ".ndjson" in path.name else pl.read_csv
    try:
        with open_bytes(path) as file:
            head = file.read(_HEAD)
        whole = head[: head.rfind(b"\n") + 1]
        return float(reader(whole).estimated_size()) / len(whole)
    except (pl.exceptions.PolarsError, ZeroDivisionError):
        return _OF_TEXT
    except (OSError, EOFError, zlib.error):
        return 0.0  # reading it will say what is wrong


def _unpacked(path: Path) -> int:
    """Return the bytes of a file's text; gzip notes them, modulo 4 GiB, in its last four."""
    packed = path.stat().st_size
    if path.suffix != ".gz" or packed < 4:
        return packed
    with path.open("rb") as file:
        file.seek(-4, 2)
        noted = int(struct.unpack("<I", file.read(4))[0])
    certain = packed * _MOST_PACKED < 1 << 32
    return noted if certain else max(noted, packed * _USUALLY_PACKED)
