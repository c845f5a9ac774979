"""How old the index is: its build, its newest document, and files that have changed since."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mlwright.core import clock
from mlwright.core.workspace import Workspace
from mlwright.track.models import resolve

from ..live import Live

_MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class IndexAge:
    """Of the version that answers; times are seconds since 1970.

    `newest` is the newest date that its documents name, of the `dated` ones; `newer_files` lie
    where the documents were read and were written after the build, None where that is unknown.
    """

    built: float
    documents: int
    dated: int
    newest: float | None
    newer_files: int | None
    path: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the age as a JSON object."""
        return {
            "built": clock.iso(self.built),
            "documents": self.documents,
            "dated_documents": self.dated,
            "newest_document": clock.iso(self.newest) if self.newest is not None else None,
            "newer_files": self.newer_files,
            "path": self.path,
        }


def index_age(workspace: Workspace, answering: Live) -> IndexAge:
    """Look how old the index of the live version is."""
    built = resolve(workspace, f"{answering.model}:{answering.version}").created
    about = answering.bundle.facts["index"]
    folder = workspace.folder / "indexes" / about["name"] / about["key"]
    dates = [date for document in _documents(folder) if (date := _date(document)) is not None]
    said = json.loads(answering.bundle.files["config.json"]).get("documents") or {}
    path = said.get("path")
    newer = _newer(Path(path), built) if path else None
    newest = max(dates, default=None)
    return IndexAge(built, int(about["documents"]), len(dates), newest, newer, path)


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        with (folder / "documents.jsonl").open(encoding="utf-8") as file:
            yield from map(json.loads, file)
    except FileNotFoundError:  # pruned since
        return


def _date(document: dict[str, Any]) -> float | None:
    """Return the date in a document's metadata, `2026-01-31` or `20260131`, or None."""
    try:
        found = datetime.fromisoformat(str(document["metadata"]["date"]))
    except (KeyError, ValueError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _newer(path: Path, built: float) -> int | None:
    if not path.exists():
        return None
    count = 0
    for file in islice(_files(path), _MOST_FILES):
        try:
            count += file.stat().st_mtime > built
        except OSError:
            continue
    return count


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))
