"""Where tables lie: a file, a folder of files of one kind, or an address that is fetched first."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from mlwright.core.errors import DataError, NotFound, did_you_mean
from mlwright.data import remote

Format = Literal["CSV", "Parquet", "JSON lines"]
Say = Callable[[str], None]

FORMATS: dict[str, Format] = {
    ".csv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".tsv": "CSV",
    ".txt": "CSV",
}
_FEW = 3


@dataclass(frozen=True, slots=True)
class File:
    """A file on this machine, its format, and what messages call it."""

    path: Path
    name: str
    format: Format


def located(where: Path | str, folder: Path) -> Path | str:
    """Return an address as it is, and a path as it lies below the folder.

    >>> located("https://example.org/t.csv", Path("/data"))
    'https://example.org/t.csv'
    >>> str(located("t.csv", Path("/data")))
    '/data/t.csv'
    """
    return str(where) if remote.is_address(where) else (folder / where).resolve()


def format_of(name: str) -> Format | None:
    """Return the format that a name's ending says, or None.

    >>> format_of("2024.CSV.gz"), format_of("notes.md")
    ('CSV', None)
    """
    found = FORMATS.get(PurePosixPath(name.lower().removesuffix(".gz")).suffix)
    return None if found == "Parquet" and name.lower().endswith(".gz") else found


@contextlib.contextmanager
def opened(where: Path | str, *, say: Say) -> Iterator[list[File]]:
    """Yield the files of a table, sorted by name; fetched ones are gone afterwards.

    Raises:
        NotFound: there is no such file or folder.
        DataError: there is nothing of a known kind, or files of several kinds.
        MissingExtra: an address needs a package that is not installed.
        RemoteError: an address cannot be read.
    """
    if not remote.is_address(where):
        yield _local(Path(where), say)
        return
    with tempfile.TemporaryDirectory(prefix="mlwright-") as folder:
        fetched = remote.fetch(str(where), Path(folder), wanted=_is_table, say=say)
        files = [_file(path, name) for path, name in fetched]
        yield _of_one_kind(files, remote.shown(str(where)))


def _is_table(name: str) -> bool:
    return format_of(name) is not None


def _local(path: Path, say: Say) -> list[File]:
    if not path.is_dir():
        file = _file(path, str(path))
        if not path.is_file():
            raise _missing(path)
        return [file]
    entries = sorted(p for p in path.iterdir() if not p.name.startswith((".", "_")))
    tables = [p for p in entries if p.is_file() and _is_table(p.name)]
    others = [p.name for p in entries if p not in tables]
    if others and tables:
        say(f"{path}: not read are {_some(others)}")
    return _of_one_kind([_file(p, str(p)) for p in tables], str(path))


def _file(path: Path, name: str) -> File:
    found = format_of(path.name)
    if found is None:
        suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
        raise DataError(
            f"{name}: tables with the suffix {suffix!r} are not read",
            hint=f"give one of {', '.join(FORMATS)}",
        )
    return File(path, name, found)


def _of_one_kind(files: list[File], where: str) -> list[File]:
    if not files:
        raise DataError(
            f"{where} holds no tables", hint=f"give files that end in {', '.join(FORMATS)}"
        )
    first = files[0]
    other = next((file for file in files if file.format != first.format), None)
    if other is not None:
        raise DataError(
            f"{where} holds files of more than one kind: {first.path.name} is {first.format}, "
            f"{other.path.name} is {other.format}",
            hint="give a folder of one kind, or one file",
        )
    return files


def _missing(path: Path) -> NotFound:
    beside = sorted(p.name for p in path.parent.glob("*"))
    return NotFound(
        f"there is no file {path}{did_you_mean(path.name, beside)}",
        hint="check the path given as the table",
    )


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _FEW:,} more" if len(listed) > _FEW else ""
    return ", ".join(listed[:_FEW]) + more
