"""Find the chunks that a question is about: by meaning, by words, or by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace

from .conditions import Condition
from .config_finding import Retrieval
from .embedders.opening import open_same
from .filters import parse
from .fuse import Ranking, by_rank, by_score, diverse, reranked
from .index import Index, vectors_folder
from .records import Chunk, Embedder, Hit, Reranker, VectorStore
from .rerankers import open_reranker
from .sparse import SparseIndex, Words
from .stores import open_store
from .surroundings import compressed, joined

_FEEDBACK_WORDS = 10
_DIVERSE_POOL = 5


class Chunks(Protocol):
    """Where chunks are read; an `Index`."""

    def get(self, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids, in this order."""

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        """Return the chunk with those around it in its document."""


@dataclass(frozen=True, slots=True)
class Dense:
    """What finding by meaning needs: the embedder, and the collection of its vectors."""

    embedder: Embedder
    store: VectorStore
    collection: str


@dataclass
class _Found:
    """Rankings by the way they were found, and the chunks read so far."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    chunks: dict[str, Chunk] = field(default_factory=dict)

    def note(self, way: str, ranking: Ranking) -> None:
        for name, score in ranking:
            self.scores.setdefault(name, {})[way] = score


class Finder:
    """Answers one question after another from one version of an index; threads may share it."""

    def __init__(
        self,
        chunks: Chunks,
        sparse: SparseIndex,
        dense: Dense | None = None,
        *,
        settings: Retrieval | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self.settings = settings or Retrieval()
        if self.settings.strategy == "dense" and dense is None:
            raise ConfigError(
                "retrieval.strategy: dense needs vectors, and the index was made without",
                hint="use sparse, or build the index with an embedder",
            )
        self.dense = dense
        self._chunks, self._sparse, self._reranker = chunks, sparse, reranker
        self._words = Words()

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        index: Index,
        settings: Retrieval | None = None,
        *,
        store: VectorStore | None = None,
    ) -> Finder:
        """Open what finds in an index, by its own settings or by others.

        Raises:
            ConfigError: the embedder that made the vectors is not the configured one.
            MissingExtra: a package or the embedder's weights are missing.
        """
        chosen = settings or index.config.retrieval
        _ = index.table  # open from now on, so that no build removes what is searched
        dense = None
        if index.embedder and chosen.strategy != "sparse":
            embedder = open_same(index.config.embedding, workspace, index.embedder)
            store = store or open_store(index.config.vector_db, vectors_folder(workspace))
            dense = Dense(embedder, store, index.collection)
        reranker = open_reranker(chosen.rerank) if chosen.rerank else None
        sparse = SparseIndex.open(index.sparse)
        return cls(index, sparse, dense, settings=chosen, reranker=reranker)

    def find(
        self,
        query: str,
        k: int | None = None,
        where: str | Mapping[str, Any] | Condition | None = None,
    ) -> list[Hit]:
        """Return the best k hits, best first, that a filter lets through.

        Raises:
            ConfigError: the filter is not of the language.
            RemoteError: a remote embedder, store or reranker refused.
        """
        settings = self.settings
        wanted = k or settings.k
        condition = parse(where)
        if not query.strip():
            return []
        found = _Found()
        ranking = self._ranking(query, max(settings.pool, wanted), condition, found)
        ranking = self._judged(query, ranking, found)
        if settings.mmr is not None:
            ranking = self._diverse(ranking, wanted, found)
        return self._hits(query, ranking, wanted, found)

    def _ranking(
        self, query: str, pool: int, where: Condition | None, found: _Found
    ) -> list[tuple[str, float]]:
        settings = self.settings
        dense = self._near(query, pool, where) if settings.strategy != "sparse" else []
        words = self._worded(query, pool, where) if settings.strategy != "dense" else []
        found.note("dense", dense)
        found.note("sparse", words)
        if not dense or not words:
            return list(dense or words)
        if settings.fusion == "rrf":
            return by_rank([dense, words])
        share = settings.dense_weight
        return by_score([(dense, share), (words, 1 - share)])

    def _near(self, query: str, pool: int, where: Condition | None) -> Ranking:
        if self.dense is None:
            return []
        vector = self.dense.embedder.embed([query], "query")[0]
        ranking = self.dense.store.search(self.dense.collection, vector, pool, where)
        lowest = self.settings.threshold
        return ranking if lowest is None else [pair for pair in ranking if pair[1] >= lowest]

    def _worded(self, query: str, pool: int, where: Condition | None) -> Ranking:
        ranking = self._sparse.search(query, pool, where)
        if not self.settings.feedback or not ranking:
            return ranking
        best = self._chunks.get([name for name, _ in ranking[: self.settings.feedback]])
        texts = [chunk.embedded for chunk in best]
        more = self._sparse.telling_words(query, texts, _FEEDBACK_WORDS)
        return self._sparse.search(query, pool, where, more=more)

    def _judged(
        self, query: str, ranking: list[tuple[str, float]], found: _Found
    ) -> list[tuple[str, float]]:
        rerank, reranker = self.settings.rerank, self._reranker
        if rerank is None or reranker is None:
            return ranking

        def score(names: Sequence[str]) -> Sequence[float]:
            texts = [chunk.embedded for chunk in self._read(names, found)]
            return [float(each) for each in reranker.score(query, texts)]

        judged = reranked(ranking, rerank.pool, score)
        found.note("rerank", judged)
        return judged

    def _diverse(
        self, ranking: list[tuple[str, float]], wanted: int, found: _Found
    ) -> list[tuple[str, float]]:
        share = self.settings.mmr
        pool = ranking[: wanted * _DIVERSE_POOL]
        chunks = self._read([name for name, _ in pool], found)
        words = {chunk.id: frozenset(self._words(chunk.text)) for chunk in chunks}
        return diverse(pool, words, wanted, 1.0 if share is None else share)

    def _hits(self, query: str, ranking: Ranking, wanted: int, found: _Found) -> list[Hit]:
        settings = self.settings
        hits: list[Hit] = []
        scores = dict(ranking)
        ahead = wanted if not settings.expand else wanted * (2 * settings.expand + 1)
        for chunk in self._read([name for name, _ in ranking[:ahead]], found):
            shown = self._shown(query, chunk)
            if settings.expand and any(_within(chunk, hit.chunk) for hit in hits):
                continue
            ways = found.scores.get(chunk.id, {})
            hits.append(Hit(shown, scores[chunk.id], len(hits) + 1, ways))
            if len(hits) == wanted:
                break
        return hits

    def _shown(self, query: str, chunk: Chunk) -> Chunk:
        settings = self.settings
        if settings.expand:
            around = self._chunks.neighbours(chunk, settings.expand, settings.expand)
            chunk = joined(around, chunk)
        return compressed(chunk, query, settings.compress) if settings.compress else chunk

    def _read(self, names: Sequence[str], found: _Found) -> list[Chunk]:
        new = [name for name in names if name not in found.chunks]
        found.chunks.update((chunk.id, chunk) for chunk in self._chunks.get(new))
        return [found.chunks[name] for name in names if name in found.chunks]


def _within(chunk: Chunk, shown: Chunk) -> bool:
    same = chunk.document == shown.document
    return same and shown.start <= chunk.start and chunk.end <= shown.end
