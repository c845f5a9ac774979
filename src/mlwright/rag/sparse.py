"""BM25 over stemmed words, kept in the folder of an index version (Robertson and Zaragoza 2009).

sparse/bm25/        what bm25s saves: a score a word and chunk, computed when written
sparse/ids.json     the chunks' ids, in the order of their rows
sparse/fields.npz   the chunks' fields as columns, with the words of texts in fields.json
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray

from .conditions import Condition, fields
from .filter_table import FilterTable
from .records import Chunk
from .stores.memory import nearest

_WORD = re.compile(r"(?u)\b\w\w+\b")
_LONGEST = 64
# fmt: off
_STOP = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
))
# fmt: on


class Words:
    """Cuts a text into stems; the stem of a word is looked up once."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._stems: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        """Return the stems of a text, in order, common little words left out.

        >>> Words()("The wings of an aeroplane")
        ['wing', 'aeroplan']
        """
        return [self._stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP]

    def _stem(self, word: str) -> str:
        stem = self._stems.get(word)
        if stem is None:
            stem = self._stems[word] = self._stemmer.stemWord(word[:_LONGEST])
        return stem


def build(folder: Path, chunks: Iterable[Chunk]) -> None:
    """Make the sparse index of these chunks in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words, vocabulary = Words(), _Vocabulary()
    ids: list[str] = []
    told = []
    numbers: list[list[int]] = []
    for chunk in chunks:
        ids.append(chunk.id)
        told.append(fields(chunk))
        numbers.append(vocabulary.numbers(words(chunk.embedded)))
    if vocabulary.words:
        ranking = bm25s.BM25(method="lucene")
        corpus = bm25s.tokenization.Tokenized(ids=numbers, vocab=vocabulary.words)
        ranking.index(corpus, show_progress=False)
        ranking.save(str(folder / "bm25"), show_progress=False)
    (folder / "ids.json").write_text(json.dumps(ids))
    _write_fields(folder, FilterTable.of(told))


class SparseIndex:
    """An opened index; safe to search from several threads."""

    def __init__(self, ids: Sequence[str], ranking: Any, table: FilterTable) -> None:
        self.ids = ids
        self.table = table
        self._ranking = ranking
        self._words = Words()

    @classmethod
    def open(cls, folder: Path) -> SparseIndex:
        """Open what `build` made; the scores stay on disk and are read where they are needed."""
        saved = folder / "bm25"
        ranking = bm25s.BM25.load(str(saved), mmap=True) if saved.is_dir() else None
        return cls(json.loads((folder / "ids.json").read_text()), ranking, _read_fields(folder))

    def search(
        self, query: str, k: int, where: Condition | None = None, *, more: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """Return the ids and BM25 scores of the best k chunks that hold a word of the query.

        `more` are stems that are searched for beside those of the query.
        """
        known = self._known([*self._words(query), *more])
        if not known:
            return []
        scores = self._ranking.get_scores(known)
        if where is not None:
            scores = np.where(self.table.mask(where), scores, 0)
        rows = np.flatnonzero(scores > 0)  # a filter leaves few: the zeros are not sorted
        best = rows[nearest(scores[rows], k)]
        return [(self.ids[int(row)], float(scores[row])) for row in best]

    def telling_words(self, query: str, texts: Sequence[str], count: int) -> list[str]:
        """Return the stems that tell these texts from all others, none of the query's."""
        own = set(self._words(query))
        counted = Counter(word for text in texts for word in set(self._words(text)))
        known = [word for word in self._known(counted) if word not in own and not word.isdigit()]
        rows = len(self.ids)
        weight = {
            word: counted[word] * np.log(rows / max(1, self._chunks_with(word))) for word in known
        }
        return sorted(known, key=lambda word: (-weight[word], word))[:count]

    def _known(self, words: Iterable[str]) -> list[str]:
        return [word for word in words if self._ranking and word in self._ranking.vocab_dict]

    def _chunks_with(self, word: str) -> int:
        number = self._ranking.vocab_dict[word]
        starts: NDArray[Any] = self._ranking.scores["indptr"]
        return int(starts[number + 1] - starts[number])


class _Vocabulary:
    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def numbers(self, words: Iterable[str]) -> list[int]:
        return [self.words.setdefault(word, len(self.words)) for word in words]


def _write_fields(folder: Path, table: FilterTable) -> None:
    names = [name for name in table.columns if not name.startswith("words:")]
    arrays = {f"c{place}": table.columns[name] for place, name in enumerate(names)}
    np.savez(folder / "fields.npz", allow_pickle=False, **arrays)
    words = {name[6:]: list(column) for name, column in _texts(table)}
    told = {"rows": table.rows, "names": names, "words": words}
    (folder / "fields.json").write_text(json.dumps(told))


def _texts(table: FilterTable) -> Iterator[tuple[str, NDArray[Any]]]:
    return ((name, c) for name, c in table.columns.items() if name.startswith("words:"))


def _read_fields(folder: Path) -> FilterTable:
    told = json.loads((folder / "fields.json").read_text())
    columns: dict[str, NDArray[Any]] = {
        f"words:{name}": np.array(words, dtype=object) for name, words in told["words"].items()
    }
    with np.load(folder / "fields.npz", allow_pickle=False) as arrays:
        columns |= {name: arrays[f"c{place}"] for place, name in enumerate(told["names"])}
    return FilterTable(told["rows"], columns)
