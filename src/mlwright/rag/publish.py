"""A finished version becomes one that a name means: its bundle, its number, and the switch."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlwright.bundle import manifest
from mlwright.core.errors import NotFound
from mlwright.core.files import sync_folder
from mlwright.core.workspace import Workspace
from mlwright.rag import prompts
from mlwright.rag.config import RagConfig
from mlwright.rag.index import CONFIG, FACTS, KIND, PROMPT, Index
from mlwright.track import models

# What every bundle says of its model; there is none, so nothing to run, measure or send as a test.
_NO_MODEL: dict[str, Any] = {
    "algorithm": KIND,
    "runtime": KIND,
    "runs_code": False,
    "threshold": None,
    "params": {},
    "metrics": {},
    "importance": {},
    "data": {},
    "requirements": [],
}


@dataclass(frozen=True, slots=True)
class _Packed:
    path: Path
    hash: str


def newest_index(workspace: Workspace, name: str) -> Index | None:
    """Return the newest version of an index, whichever answers, or None where there is none.

    Raises:
        BundleError: a model has that name.
        NotFound: its files are gone.
    """
    try:
        found = models.versions(workspace, name)
    except NotFound:
        return None
    return Index.of(workspace, found[-1])


def publish(workspace: Workspace, config: RagConfig, key: str, folder: Path) -> tuple[int, bool]:
    """Make the version the champion; return its number, and whether it is a new one.

    The same content with the same settings as the newest version is that version.
    """
    name = config.name or "kb"
    packed = _pack(workspace, config, key, json.loads((folder / FACTS).read_text()))
    try:
        newest = models.versions(workspace, name)[-1]
    except NotFound:
        newest = None
    made = newest is None or newest.bundle.name != packed.hash
    version = models.register(workspace, name, packed) if made or newest is None else newest
    if models.CHAMPION not in version.aliases:
        models.set_alias(workspace, name, models.CHAMPION, version.version)
    return version.version, made


def _pack(workspace: Workspace, config: RagConfig, key: str, facts: dict[str, Any]) -> _Packed:
    said = config.model_dump(mode="json", exclude_unset=True, exclude={"keep_versions"})
    contents = {
        CONFIG: manifest.to_bytes(said, sort=True),
        "samples.json": b"[]\n",
        PROMPT: prompts.from_file(config.answers.prompt).text.encode(),
    }
    about = {
        **_NO_MODEL,
        "kind": KIND,
        "name": config.name,
        "index": {"name": config.name, "key": key, **facts},
    }
    files = manifest.seal(contents, about)
    digest = files[manifest.SEAL].decode().strip()
    path = workspace.bundles / digest
    if not path.is_dir():
        _write(files, path)
    return _Packed(path, digest)


def _write(files: dict[str, bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        for name, data in files.items():
            with (folder / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(folder)
        folder.rename(path)
    sync_folder(path.parent)
