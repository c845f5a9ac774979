"""What there is to read, and what of it is as it was in the newest version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlwright.core.errors import BundleError, NotFound
from mlwright.core.workspace import Workspace
from mlwright.rag.config import RagConfig
from mlwright.rag.config_finding import NO_EMBEDDER
from mlwright.rag.fetching import fetched
from mlwright.rag.index import Index
from mlwright.rag.loaders import VERSION
from mlwright.rag.publish import newest_index
from mlwright.rag.sources import Skipped, Source, find_sources


@dataclass(frozen=True)
class Before:
    """The newest version: its documents by id, each with where its chunks begin."""

    index: Index
    rows: Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """What there is now, in order; `kept` are the ids whose chunks the newest version has."""

    sources: tuple[Source, ...]
    fingerprints: Mapping[str, str]
    kept: frozenset[str]
    skipped: tuple[Skipped, ...]

    def all_kept(self, before: Before | None) -> bool:
        """Return whether nothing came, changed or went."""
        known = set(before.rows) if before else set()
        return known == set(self.kept) == set(self.fingerprints)


def newest(workspace: Workspace, name: str) -> Before | None:
    """Return the newest version, or None where there is none that can be read.

    Raises:
        BundleError: a model has that name.
    """
    try:
        index = newest_index(workspace, name)
        rows = {row["id"]: row for row in index.documents()} if index else {}
    except (NotFound, BundleError, OSError, ValueError) as exc:
        if isinstance(exc, BundleError) and "is a model" in str(exc):
            raise
        return None  # damaged or removed by hand: everything is read again
    return Before(index, rows) if index else None


def same_parts(config: RagConfig, before: Before | None) -> bool:
    """Return whether embedder and store are asked for as they were, and were there then.

    Opening them takes seconds, which a build that finds nothing to do can save.
    """
    if before is None:
        return False
    then = before.index.config
    asked = (then.embedding, then.vector_db) == (config.embedding, config.vector_db)
    return asked and (before.index.embedder is None) == (config.embedding.provider == NO_EMBEDDER)


def look(config: RagConfig, pages: Path, before: Before | None, embedder: str | None) -> Found:
    """Find the sources, and which of them are as they were."""
    recipe = _recipe(config, embedder)
    sources: dict[str, Source] = {}
    skipped: list[Skipped] = []
    for source in (*find_sources(config.documents), *fetched(config.documents, pages)):
        if isinstance(source, Skipped):
            skipped.append(source)
        elif source.id in sources:
            skipped.append(Skipped(source.id, "has the name of a document that came before it"))
        else:
            sources[source.id] = source
    prints = {source.id: _fingerprint(source, recipe) for source in sources.values()}
    rows = before.rows if before else {}
    kept = {i for i in sources if rows.get(i, {}).get("fingerprint") == prints[i]}
    return Found(tuple(sources.values()), prints, frozenset(kept), tuple(skipped))


def _recipe(config: RagConfig, embedder: str | None) -> str:
    """Return what, besides its bytes, decides about a document's chunks."""
    chunking = config.chunking.model_dump(mode="json")
    seen = chunking["unit"] == "tokens" or chunking["strategy"] == "semantic"
    counted = embedder if seen else None
    return json.dumps([VERSION, chunking, counted], sort_keys=True)


def _fingerprint(source: Source, recipe: str) -> str:
    value = [source.id, source.sha256, source.loader, dict(source.metadata), recipe]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
