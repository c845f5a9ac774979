"""What there is to read: files of a folder, records of JSON Lines, prepared chunks, addresses."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlwright.core.errors import DataError, NotFound
from mlwright.core.files import sha256
from mlwright.rag.config import Documents
from mlwright.rag.fields import SIDE_SUFFIXES, pattern_fields, side_fields
from mlwright.rag.loaders import loader_name
from mlwright.rag.records import Value

CORPUS = "corpus.jsonl"
PREPARED = "chunks.jsonl"


@dataclass(frozen=True, slots=True)
class Source:
    """One document to be read; `lines` are the places of its lines in a file of JSON Lines."""

    id: str
    path: Path
    sha256: str
    loader: str
    metadata: Mapping[str, Value] = field(default_factory=dict)
    lines: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source that gave nothing, and why; `lasting` while its bytes are what they are."""

    path: str
    reason: str
    lasting: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the keys that `rag build --json` prints."""
        return {"path": self.path, "reason": self.reason}


def find_sources(documents: Documents) -> Iterator[Source | Skipped]:
    """Yield what lies under the configured path, in the order of names.

    Raises:
        NotFound: there is nothing at that path.
    """
    if documents.path is None:
        return
    root = documents.path
    if root.is_file():
        yield from _file(root, root.name, documents)
    elif not root.is_dir():
        raise NotFound(f"there are no documents at {root}", hint="give a folder or a file")
    elif (root / PREPARED).is_file():
        yield from _lines(root / PREPARED, PREPARED, "prepared")
    elif (root / CORPUS).is_file():
        yield from _lines(root / CORPUS, CORPUS, "record")
    else:
        for found in _walk(root, root):
            name = found.path if isinstance(found, Skipped) else found.relative_to(root).as_posix()
            if any(fnmatch.fnmatch(name, pattern) for pattern in documents.exclude):
                continue
            if isinstance(found, Skipped):
                yield found
            else:
                yield from _file(found, name, documents)


def _walk(root: Path, folder: Path) -> Iterator[Path | Skipped]:
    """Yield the files below a folder, and what is none; hidden and side files are left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as exc:
        yield Skipped(_shown(folder, root), f"cannot be read: {exc.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name.endswith(SIDE_SUFFIXES):
            continue
        if not entry.name.isprintable():
            yield Skipped(_shown(path, root), "has a name that is no readable text")
        elif entry.is_symlink():
            yield Skipped(_shown(path, root), "is a link, and links are not followed")
        elif entry.is_dir():
            yield from _walk(root, path)
        elif entry.is_file():
            yield path
        else:
            yield Skipped(_shown(path, root), "is no file")


def _shown(path: Path, root: Path) -> str:
    """Return a name that can be printed, whatever bytes it is made of."""
    name = path.relative_to(root).as_posix()
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _file(path: Path, name: str, documents: Documents) -> Iterator[Source | Skipped]:
    if path.name == PREPARED:
        yield from _lines(path, name, "prepared")
    elif path.suffix == ".jsonl":
        yield from _lines(path, name, "record")
    else:
        try:
            yield _whole(path, name, documents)
        except DataError as exc:
            yield Skipped(name, str(exc))
        except OSError as exc:
            yield Skipped(name, f"cannot be read: {exc.strerror}")


def _whole(path: Path, name: str, documents: Documents) -> Source:
    loader = loader_name(name)
    size = path.stat().st_size
    if not size:
        raise DataError("is empty")
    if size > documents.max_bytes:
        raise DataError(f"has {size:,} bytes, and {documents.max_bytes:,} are allowed")
    metadata = {**pattern_fields(documents.metadata, name), **side_fields(path)}
    return Source(name, path, sha256(path), loader, metadata)


def _lines(path: Path, name: str, loader: str) -> Iterator[Source | Skipped]:
    """Yield a source a document of a file of JSON Lines; its lines stand next to each other."""
    key = "document" if loader == "prepared" else "_id"
    held: list[tuple[int, int]] = []
    current, digest, position = "", hashlib.sha256(), 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = (position, len(line))
            position += len(line)
            if not line.strip():
                continue
            found = _identity(line, key, f"{path.stem}-{number}" if key == "_id" else None)
            if found is None:
                yield Skipped(f"{name}:{number}", _WRONG[loader])
                continue
            if held and (found != current or loader == "record"):
                yield Source(current, path, digest.hexdigest(), loader, {}, tuple(held))
                held, digest = [], hashlib.sha256()
            current = found
            held.append(place)
            digest.update(line)
    if held:
        yield Source(current, path, digest.hexdigest(), loader, {}, tuple(held))


_WRONG = {
    "record": "is not an object with a text",
    "prepared": "is not a chunk that `mlwright rag prepare` wrote",
}


def _identity(line: bytes, key: str, default: str | None) -> str | None:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    found = value.get(key, value.get("id", default) if default else None)
    return str(found) if isinstance(found, str | int) and str(found) else default
