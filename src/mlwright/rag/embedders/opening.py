"""Open the embedder of a configuration, or say why there is none."""

from __future__ import annotations

from pathlib import Path

from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace

from ..config_finding import NO_EMBEDDER, Embedding
from ..embedding_cache import CachedEmbedder
from ..records import Embedder
from . import EMBEDDERS


def open_embedder(settings: Embedding, workspace: Workspace) -> Embedder | None:
    """Return the embedder, or None where the configuration wants none.

    Raises:
        MissingExtra: its package or its weights are not there; sparse retrieval needs neither.
        ConfigError: a key or a setting is missing.
    """
    if settings.provider == NO_EMBEDDER:
        return None
    return EMBEDDERS.load(settings.provider)(settings, weights_folder(workspace))


def open_cached(settings: Embedding, workspace: Workspace) -> CachedEmbedder | None:
    """Return the embedder with what this workspace has embedded before, for a build."""
    embedder = open_embedder(settings, workspace)
    if embedder is None:
        return None
    return CachedEmbedder(embedder, workspace.folder / "embeddings.db")


def open_same(settings: Embedding, workspace: Workspace, name: str) -> Embedder:
    """Return the embedder that made an index's vectors, whose `name` it must have.

    Raises:
        ConfigError: the configuration gives another one now.
    """
    model, _, detail = name.rpartition("@")
    if model == "minilm" and not settings.sha256:
        settings = settings.model_copy(update={"sha256": detail})
    embedder = open_embedder(settings, workspace)
    if embedder is None or embedder.name != name:
        found = embedder.name if embedder else "none"
        raise ConfigError(
            f"the index was made with the embedder {name}, and the configuration gives {found}",
            hint="mlwright rag build makes the index again with the new one",
        )
    return embedder


def weights_folder(workspace: Workspace) -> Path:
    """Return where fetched weights are kept."""
    return workspace.folder / "weights"
