"""A version of an index while it is made: a folder that a kill leaves, and the next build clears.

.mlwright/indexes/NAME/building/      the same files as a finished version, and
    collection.json                   what to drop from the vector store if this is not finished
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlwright.core.files import sync_folder, write_json
from mlwright.rag.records import VectorStore

FOLDER = "building"
_COLLECTION = "collection.json"


def begin(folder: Path, store: VectorStore | None) -> Path:
    """Clear what an interrupted build left, and return an empty folder to build in."""
    staging = folder / FOLDER
    clear(staging, store)
    staging.mkdir(parents=True)
    return staging


def clear(staging: Path, store: VectorStore | None) -> None:
    """Remove an unfinished version, its collection first."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        unfinished = str(json.loads((staging / _COLLECTION).read_text())["collection"])
        if store is not None:
            store.drop(unfinished)
    shutil.rmtree(staging, ignore_errors=True)


def claim(staging: Path, collection: str, store: VectorStore) -> None:
    """Note whose collection this is before the first vector goes into it."""
    write_json(staging / _COLLECTION, {"collection": collection})
    store.drop(collection)


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")


def finish(staging: Path, folder: Path) -> None:
    """Give a complete version its name; it is on disk before it is seen."""
    for path in staging.rglob("*"):
        _sync(path)
    if folder.exists():  # what the store lost was made again
        shutil.rmtree(folder)
    staging.rename(folder)
    sync_folder(folder.parent)


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    else:
        sync_folder(path)
