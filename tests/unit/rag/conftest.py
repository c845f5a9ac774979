"""A small embedder and a small store, so that a build needs no weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mlwright.rag.parts import Making
from mlwright.rag.records import Chunk


class WordEmbedder:
    """A vector a text from its words; counts what it was asked."""

    name, dimension, max_tokens = "words@1", 16, 64

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], role: str) -> np.ndarray:
        self.asked += texts
        return np.stack([self._vector(text) for text in texts])

    def tokens(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> np.ndarray:
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for word in text.lower().split():
            vector[hashlib.md5(word.encode()).digest()[0] % self.dimension] += 1
        return vector / np.linalg.norm(vector)


class DictStore:
    """Collections in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Chunk]] = {}

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors: np.ndarray) -> None:
        assert len(chunks) == len(vectors)
        self.kept.setdefault(collection, {}).update({chunk.id: chunk for chunk in chunks})

    def seal(self, collection: str) -> None:
        assert collection in self.kept

    def count(self, collection: str) -> int:
        return len(self.kept.get(collection, {}))

    def collections(self) -> list[str]:
        return sorted(self.kept)

    def drop(self, collection: str) -> None:
        self.kept.pop(collection, None)


def write_sparse(folder: Path, chunks) -> None:
    (folder / "texts").write_text("\n".join(chunk.id for chunk in chunks))


@pytest.fixture
def making() -> Making:
    return Making(WordEmbedder(), DictStore(), write_sparse)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "hr").mkdir(parents=True)
    (folder / "a.md").write_text("# Refunds\n\nMoney back within thirty days.\n")
    (folder / "b.txt").write_text("Plain text about shipping and its price.")
    (folder / "hr" / "leave.md").write_text("# Leave\n\nTwenty five days a year.\n")
    return folder
