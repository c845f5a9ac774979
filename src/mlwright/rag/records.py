"""What flows from a document to an answer, and what a back-end of each kind has to do.

Document -> Chunk -> Hit -> Citation -> Answer. A span is a half-open pair of character offsets in
the text of its document: `document.text[chunk.start:chunk.end] == chunk.text`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Value = str | int | float | bool
Role = Literal["query", "document"]
Kind = Literal["extractive", "llm", "unknown"]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading path, on one page where there are pages."""

    headings: tuple[str, ...]
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a loader found in a file: its text, and where headings and pages begin in it."""

    text: str
    title: str = ""
    sections: tuple[Section, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """One source as text. `id` is stable: the path below the folder given, a URL, or its `_id`."""

    id: str
    source: str
    title: str
    text: str
    sections: tuple[Section, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document, as it is found and shown.

    `context` is put before the text when it is embedded, and never shown.
    """

    id: str
    document: str
    source: str
    title: str
    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)
    context: str = ""

    @property
    def embedded(self) -> str:
        """Return what an embedder and the sparse index are given."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    def to_json(self) -> dict[str, Any]:
        """Return a form for JSON that `from_json` reads back."""
        return {name: getattr(self, name) for name in _CHUNK} | {
            "headings": list(self.headings),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Chunk:
        """Read what `to_json` wrote.

        >>> chunk = Chunk("c", "d", "d.md", "D", "text", 0, 4, headings=("One",))
        >>> Chunk.from_json(chunk.to_json()) == chunk
        True
        """
        return cls(**{**value, "headings": tuple(value["headings"])})

    def packed(self) -> str:
        """Return the line of JSON that stores keep, which `unpacked` reads back."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def unpacked(cls, line: str) -> Chunk:
        """Read what `packed` wrote."""
        return cls.from_json(json.loads(line))


_CHUNK = tuple(Chunk.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found; `scores` has the parts: dense, sparse, rerank."""

    chunk: Chunk
    score: float
    rank: int
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """A checked reference: `text` is word for word what the source says at this span."""

    number: int
    chunk: str
    source: str
    title: str
    page: int | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several calls of a language model."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it rests on; `kind` is unknown where the evidence was too weak."""

    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    kind: Kind
    removed_citations: int
    usage: Usage
    cost: float | None
    timings_ms: Mapping[str, float]
    provider: str
    model: str
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model answered; `stop` is why it ended: stop, length, or refusal."""

    text: str
    usage: Usage
    model: str
    stop: str


class Loader(Protocol):
    """Reads one file format."""

    def load(self, path: Path) -> Parts:
        """Return the text of a file, raising DataError with the reason when it has none."""


class Chunker(Protocol):
    """Cuts documents; the chunks of one document cover all of its text but white space."""

    def chunks(self, document: Document) -> Iterable[Chunk]:
        """Return the chunks in the order of the text."""


class Embedder(Protocol):
    """Turns texts into unit vectors; `name` tells apart what may not be mixed in one index."""

    name: str
    dimension: int
    max_tokens: int

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return float32 (n, dimension), each row of length 1; RemoteError when refused."""

    def tokens(self, text: str) -> int:
        """Return how many tokens the text has, uncut."""


class VectorStore(Protocol):
    """Keeps vectors in collections; one collection is one version, unchanged once published."""

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks, or replace those of the same id; the first call makes the collection."""

    def search(
        self, collection: str, vector: Vectors, k: int, where: Any = None
    ) -> list[tuple[str, float]]:
        """Return the ids and cosine similarities of the k nearest chunks that the filter lets."""

    def get(self, collection: str, ids: Sequence[str]) -> list[Chunk]:
        """Return the chunks of these ids that are there, in this order."""

    def seal(self, collection: str) -> None:
        """Make a finished collection fast to search; nothing is added to it afterwards."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove chunks; those that are not there are no error."""

    def count(self, collection: str) -> int:
        """Return how many chunks a collection holds, 0 where there is none."""

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted."""

    def drop(self, collection: str) -> None:
        """Remove a collection; one that is not there is no error."""


class Reranker(Protocol):
    """Judges texts against a query, together."""

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return a score a text, higher is better."""


class LLM(Protocol):
    """A language model; messages are {"role", "content"}."""

    def complete(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Completion:
        """Return the whole answer; RemoteError when refused."""

    def stream(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Iterator[str | Completion]:
        """Yield pieces of text, and last the Completion, with the usage."""
