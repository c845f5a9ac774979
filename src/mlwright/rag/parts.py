"""What an index is made with: the embedder, the store and the sparse index of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlwright.core.errors import ConfigError, MissingExtra
from mlwright.core.workspace import Workspace
from mlwright.rag.chunkers import open_chunker
from mlwright.rag.config import Chunking, RagConfig
from mlwright.rag.config_finding import NO_EMBEDDER
from mlwright.rag.index import vectors_folder
from mlwright.rag.records import Chunk, Chunker, Embedder, VectorStore


@dataclass(frozen=True, slots=True)
class Making:
    """The parts; without an embedder there is no store either, and the index is sparse alone.

    `sparse` writes the sparse index of all chunks, in the order of their rows, into a folder.
    """

    embedder: Embedder | None
    store: VectorStore | None
    sparse: Callable[[Path, Iterable[Chunk]], object] | None = None

    def chunker(self, config: Chunking) -> Chunker:
        """Open the chunker that a configuration asks for, with the embedder's eyes.

        Raises:
            ConfigError: it needs an embedder, and there is none.
        """
        if self.embedder is None:
            return open_chunker(config, None)
        embed = partial(self.embedder.embed, role="document")
        return open_chunker(config, self.embedder.tokens, embed)


def check_names(config: RagConfig) -> None:
    """Refuse parts that there are not, also those that only answers will need.

    Else the new version would be the champion, and every question to it would fail.

    Raises:
        UnknownBackend: no store, embedder, reranker or language model has that name.
        ConfigError: a language model is not named.
    """
    from mlwright.rag.embedders import EMBEDDERS
    from mlwright.rag.llms import LLMS, check_model
    from mlwright.rag.rerankers import RERANKERS
    from mlwright.rag.stores import STORES

    STORES.check(config.vector_db.type)
    if config.embedding.provider != NO_EMBEDDER:
        EMBEDDERS.check(config.embedding.provider)
    if config.retrieval.rerank:
        RERANKERS.check(config.retrieval.rerank.provider)
    for model in config.llm.models:
        LLMS.check(model.provider)
        check_model(model)


def open_making(config: RagConfig, workspace: Workspace, say: Callable[[str], None]) -> Making:
    """Open what the configuration asks for; where no weights are, say so and go on without.

    Raises:
        ConfigError: the store's dimension is not the embedder's.
    """
    from mlwright.rag import sparse
    from mlwright.rag.embedders.opening import open_cached
    from mlwright.rag.stores import open_store

    try:
        embedder = open_cached(config.embedding, workspace)
    except MissingExtra as exc:
        if "provider" in config.embedding.model_fields_set:
            raise  # it was asked for by name
        say(f"no embedder: {exc} ({exc.hint}); the index is sparse alone")
        embedder = None
    if embedder is None:
        return Making(None, None, sparse.build)
    wanted = config.vector_db.dimension
    if wanted and wanted != embedder.dimension:
        raise ConfigError(
            f"vector_db.dimension is {wanted}, and the vectors of {embedder.name} have "
            f"{embedder.dimension}",
            hint="leave vector_db.dimension out, or choose the model it was meant for",
        )
    return Making(embedder, open_store(config.vector_db, vectors_folder(workspace)), sparse.build)
