"""Remove the content of old versions, but of those that somebody may go back to.

What stays: the newest versions (`keep_versions`), those with an alias, those that an environment
runs, ran before or is about to run, and whatever a process has open. The version keeps its number
in the registry; its files and vectors go.

    .mlwright/indexes/NAME/gone-KEY/    a version on its way out: a kill leaves it to the next build
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlwright.bundle import manifest
from mlwright.core.errors import MlwrightError
from mlwright.core.workspace import Workspace
from mlwright.rag.config import RagConfig
from mlwright.rag.config_finding import VectorDB
from mlwright.rag.index import FACTS, index_folder, vectors_folder
from mlwright.rag.records import VectorStore
from mlwright.rag.staging import FOLDER
from mlwright.rag.stores import open_store
from mlwright.track.models import ModelVersion, versions

_GONE = "gone-"
_UNDER_WAY = ("pending", "starting", "testing", "rolling")

Say = Callable[[str], None]


def prune(
    workspace: Workspace, config: RagConfig, *, store: VectorStore | None, say: Say
) -> tuple[int, ...]:
    """Remove what is too old, and return the numbers of the versions that lost their content.

    Args:
        workspace: where the index lives; its build holds the lock.
        config: names the index, how many of the newest versions stay, and its store.
        store: that store, where it is open.
        say: takes a line where something cannot be removed now.
    """
    name, keep = config.name or "kb", config.keep_versions
    folder = index_folder(workspace, name)

    def remove(path: Path) -> None:
        _remove(path, lambda facts: _store(workspace, config.vector_db, facts, store), say)

    for left in folder.glob(f"{_GONE}*"):
        remove(left)
    there = {path.name for path in folder.iterdir() if path.is_dir()} - {FOLDER}
    there = {key for key in there if not key.startswith(_GONE)}
    if len(there) <= keep:
        return ()
    known = versions(workspace, name)
    keys = {version.version: _key(version) for version in known}
    wanted = {keys[version.version] for version in known[-keep:]}
    wanted |= {keys[version.version] for version in known if version.aliases}
    wanted |= {keys.get(number) for number in _deployed(workspace, name)}
    gone = []
    for key in sorted(there - wanted):
        if _is_open(folder / key):
            continue
        out = folder / f"{_GONE}{key}"
        (folder / key).rename(out)
        remove(out)
        gone += [number for number, of in keys.items() if of == key]
    return tuple(sorted(gone))


def _key(version: ModelVersion) -> str | None:
    try:
        _, facts, _ = manifest.read(version.bundle)
        return str(facts["index"]["key"])
    except (MlwrightError, OSError, KeyError):
        return None


def _deployed(workspace: Workspace, name: str) -> set[int]:
    """Return the versions that environments name, or releases that have not ended."""
    from sqlalchemy import select

    from mlwright.core.state import environments, releases

    running = select(environments).where(environments.c.model == name)
    begun = select(releases).where(releases.c.model == name, releases.c.state.in_(_UNDER_WAY))
    with workspace.state.read() as connection:
        rows = [(row.version, row.previous) for row in connection.execute(running)]
        rows += [(row.version, row.replaces) for row in connection.execute(begun)]
    return {number for row in rows for number in row if number is not None}


def _is_open(folder: Path) -> bool:
    """Return whether a process reads this version; see `Index.table`."""
    try:
        with (folder / FACTS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # damaged: nobody can have it open
    return False


def _remove(folder: Path, store_of: Callable[[Any], VectorStore], say: Say) -> None:
    """Drop the collection, then the folder, which knows the collection's name until then."""
    try:
        facts = json.loads((folder / FACTS).read_text())
        if facts["store"]:
            store_of(facts["store"]).drop(facts["collection"])
    except MlwrightError as exc:
        say(f"the vectors of an old version were not removed: {exc}; the next build tries again")
        return
    except (OSError, ValueError, KeyError):
        pass  # damaged: only the folder is left to remove
    shutil.rmtree(folder, ignore_errors=True)


def _store(
    workspace: Workspace, now: VectorDB, then: Sequence[str | None], store: VectorStore | None
) -> VectorStore:
    """Return the store that a version was written to, with the key that is configured now."""
    if store and [now.type, now.index_name, now.url] == list(then):
        return store
    type_, name, url = then
    there = now.model_copy(update={"type": type_, "index_name": name, "url": url})
    return open_store(there, vectors_folder(workspace))
