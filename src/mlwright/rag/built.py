"""What a build of an index reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlwright.rag.sources import Skipped


@dataclass(frozen=True, slots=True)
class Built:
    """What a build found and made.

    Of the documents, `unchanged` were neither read nor embedded again, and `removed` are gone.
    Of the chunks, `embedded` were given to the model, and `reused` have vectors from before.
    `pruned` are the versions whose content was removed.
    """

    name: str
    version: int
    documents: int
    chunks: int
    unchanged: int
    removed: int
    embedded: int
    reused: int
    pruned: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    embedder: str | None
    made: bool
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag build --json` prints."""
        return {
            "index": self.name,
            "index_version": self.version,
            "documents": self.documents,
            "chunks": self.chunks,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "embedded": self.embedded,
            "reused": self.reused,
            "pruned": list(self.pruned),
            "skipped": [skipped.to_json() for skipped in self.skipped],
            "embedder": self.embedder,
            "made": self.made,
            "seconds": round(self.seconds, 3),
        }
