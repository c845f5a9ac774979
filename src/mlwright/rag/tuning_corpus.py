"""Documents that are read once, and cut, embedded and found in as each candidate wants it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlwright.core.errors import DataError

from .chunk_table import ChunkTable
from .config import Chunking, RagConfig
from .config_finding import Retrieval
from .fetching import fetched
from .find import Dense, Finder
from .parts import Making
from .progress import Progress
from .reading import read_all
from .records import Chunk, Document
from .rerankers import open_reranker
from .sources import Skipped, Source, find_sources
from .sparse import SparseIndex
from .stores.memory import MemoryStore

_BATCH = 512
_NAME = "tune"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read; `prepared` are chunks that came cut, and `prints` tells it from another."""

    documents: tuple[Document, ...]
    prepared: tuple[Chunk, ...]
    prints: tuple[tuple[str, str], ...]


def read_corpus(config: RagConfig, say: Callable[[str], None]) -> Corpus:
    """Read all documents of a configuration; what cannot be read is left out, as in a build.

    Raises:
        DataError: none could be read.
        NotFound: there is nothing at their path.
    """
    documents: list[Document] = []
    prepared: list[Chunk] = []
    with tempfile.TemporaryDirectory(prefix="mlwright-") as pages:
        found = [*find_sources(config.documents), *fetched(config.documents, Path(pages))]
        sources = [each for each in found if isinstance(each, Source)]
        progress = Progress("reading", len(sources), "documents", say)
        processes = min(os.cpu_count() or 1, 8)
        read = read_all(sources, processes=processes, timeout=config.documents.timeout)
        for _, value in read:
            progress.add()
            if isinstance(value, Document):
                documents.append(value)
            elif not isinstance(value, Skipped):
                prepared += value
    if not documents and not prepared:
        raise DataError(
            f"no document of {config.documents.path} could be read",
            hint="mlwright rag build says of each why",
        )
    prints = tuple(sorted((each.id, each.sha256) for each in sources))
    return Corpus(tuple(documents), tuple(prepared), prints)


class Cut:
    """A corpus cut in one way, in memory and a temporary folder; makes finders."""

    def __init__(self, table: ChunkTable, sparse: SparseIndex, dense: Dense | None) -> None:
        self.table = table
        self._sparse = sparse
        self._dense = dense

    def finder(self, settings: Retrieval) -> Finder:
        """Return what finds in it by these settings."""
        reranker = open_reranker(settings.rerank) if settings.rerank else None
        dense = None if settings.strategy == "sparse" else self._dense
        return Finder(self.table, self._sparse, dense, settings=settings, reranker=reranker)


@contextmanager
def cut(
    corpus: Corpus,
    chunking: Chunking,
    making: Making,
    *,
    say: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
) -> Iterator[Cut]:
    """Cut a corpus; it is gone at the end, but for the embeddings, which a cache keeps.

    Args:
        corpus: what was read.
        chunking: how it is cut.
        making: the embedder, and what writes the sparse index.
        say: takes a line of progress now and then.
        check: is called between batches, and may raise to end it.
    """
    with tempfile.TemporaryDirectory(prefix="mlwright-tune-") as folder:
        path = Path(folder)
        ChunkTable.write(path / "chunks.db", chunks_of(corpus, chunking, making, check))
        table = ChunkTable.open(path / "chunks.db")
        try:
            (path / "sparse").mkdir()
            assert making.sparse  # noqa: S101  # what is opened for a build has it
            making.sparse(path / "sparse", table.all())
            dense = _embedded(table, making, say, check)
            yield Cut(table, SparseIndex.open(path / "sparse"), dense)
        finally:
            table.close()


def chunks_of(
    corpus: Corpus, chunking: Chunking, making: Making, check: Callable[[], None] = lambda: None
) -> Iterator[Chunk]:
    """Yield the chunks of a corpus, each id once."""
    chunker = making.chunker(chunking)
    seen: set[str] = set()
    for document in (*corpus.documents, None):
        check()
        for chunk in corpus.prepared if document is None else chunker.chunks(document):
            if chunk.id not in seen:
                seen.add(chunk.id)
                yield chunk


def _embedded(
    table: ChunkTable, making: Making, say: Callable[[str], None], check: Callable[[], None]
) -> Dense | None:
    if making.embedder is None:
        return None
    store = MemoryStore()
    progress = Progress("embedding", len(table), "chunks", say)
    for chunks in table.batches(_BATCH):
        check()
        vectors = making.embedder.embed([chunk.embedded for chunk in chunks], "document")
        store.upsert(_NAME, chunks, vectors)
        progress.add(len(chunks))
    store.seal(_NAME)
    return Dense(making.embedder, store, _NAME)
