"""An index: one immutable version of chunks, sparse index and vectors, opened for reading.

    .mlwright/indexes/NAME/KEY/     KEY names the content: documents, chunking, embedder, store
        index.json                  counts, settings, embedder, store and collection
        documents.jsonl             id, source, title, fingerprint, number of chunks
        chunks.db                   the chunks, in order, by id
        sparse/                     what `rag.sparse` wrote

A version is registered as a model version: its bundle (`kind: rag`) is small and names the index.
So `name`, `name:N` and `name@champion` mean here what they mean for a model, the switch is the
alias's move, and going back is `mlwright models promote NAME:N`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlwright.bundle import manifest
from mlwright.core.errors import BundleError, NotFound, did_you_mean
from mlwright.core.workspace import Workspace, checked_name
from mlwright.rag.chunk_table import ChunkTable
from mlwright.rag.config import RagConfig
from mlwright.rag.records import Chunk
from mlwright.track.models import ModelVersion, resolve

FACTS = "index.json"
CONFIG = "config.json"
PROMPT = "prompt.txt"
KIND = "rag"


@dataclass(frozen=True)
class Index:
    """One opened version. `facts` is what `index.json` says, `prompt` the template of answers."""

    name: str
    version: int
    folder: Path
    facts: Mapping[str, Any]
    config: RagConfig
    prompt: str

    @classmethod
    def open(cls, workspace: Workspace, ref: str) -> Index:
        """Open the version that a reference means: `name`, `name:N` or `name@alias`.

        Raises:
            NotFound: there is no such index or version, or its files were removed.
            BundleError: what has that name is a model, not an index.
        """
        try:
            found = resolve(workspace, ref)
        except NotFound as exc:
            raise _unknown(workspace, ref) or exc from None
        return cls.of(workspace, found)

    @classmethod
    def of(cls, workspace: Workspace, found: ModelVersion) -> Index:
        """Open the index of a registered version."""
        _, facts, files = manifest.read(found.bundle)
        if facts.get("kind") != KIND:
            raise BundleError(
                f"{found} is a model, not an index", hint="mlwright rag build makes an index"
            )
        folder = index_folder(workspace, facts["index"]["name"]) / facts["index"]["key"]
        if not (folder / FACTS).is_file():
            raise NotFound(
                f"the files of index {found} are gone",
                hint="mlwright rag build makes the newest again; keep_versions are kept besides",
            )
        config = RagConfig.model_validate_json(files[CONFIG])
        about = json.loads((folder / FACTS).read_text())
        prompt = files[PROMPT].decode()
        return cls(found.model, found.version, folder, about, config, prompt)

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"

    @property
    def key(self) -> str:
        """Return the name of the content, a part of every cache's key."""
        return self.folder.name

    @property
    def collection(self) -> str:
        """Return the name of the version's collection in its vector store."""
        return str(self.facts["collection"])

    @property
    def embedder(self) -> str | None:
        """Return the `name` of the embedder whose vectors these are; None is sparse alone."""
        name: str | None = self.facts["embedder"]
        return name

    @property
    def sparse(self) -> Path:
        """Return the folder of the sparse index."""
        return self.folder / "sparse"

    @cached_property
    def table(self) -> ChunkTable:
        """Return the open table of chunks; while it is open, no build removes this version."""
        return ChunkTable.open(self.folder / "chunks.db", held=self.folder / FACTS)

    def close(self) -> None:
        """Close the table; a build may then remove this version."""
        if "table" in vars(self):
            self.table.close()

    def chunks(self) -> Iterator[Chunk]:
        """Yield every chunk, in the order of their rows, counted from 0."""
        return self.table.all()

    def get(self, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids, in this order; unknown ids are left out."""
        return self.table.get(ids)

    def at(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of these rows, in this order."""
        return self.table.at(rows)

    def neighbours(self, chunk: Chunk, before: int = 1, after: int = 1) -> list[Chunk]:
        """Return the chunk with those around it in its document, in the order of the text."""
        return self.table.neighbours(chunk, before, after)

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield what is known of each document, without its text."""
        with (self.folder / "documents.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def index_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of all versions of an index."""
    return workspace.folder / "indexes" / checked_name(name, "index")


def index_names(workspace: Workspace) -> list[str]:
    """Return the names of the indexes that were built here."""
    folder = workspace.folder / "indexes"
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def _unknown(workspace: Workspace, ref: str) -> NotFound | None:
    """Return what to say where no index has the name; None where it is a version that is not."""
    name, names = ref.partition(":")[0].partition("@")[0], index_names(workspace)
    if name in names:
        return None
    there = f"there are: {', '.join(names)}" if names else "mlwright rag build --documents FOLDER"
    return NotFound(f"no index named {name!r}{did_you_mean(name, names)}", hint=there)


def vectors_folder(workspace: Workspace) -> Path:
    """Return where stores that need no server keep their files."""
    return workspace.folder / "vectors"
