"""The words of texts as terms of a classifier two-sample test: 1 where a text holds a word."""

from dataclasses import dataclass

import numpy as np

from mlwright.stats.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Words:
    """The different words of each text, as numbers 0..count-1 one after the other.

    Those of text i are `numbers[starts[i] : starts[i + 1]]`.

    >>> Words(np.array([0, 2, 2]), np.array([0, 2, 3]), 3).shares(np.array([0, 1])).tolist()
    [0.5, 0.0, 1.0]
    """

    numbers: IntArray
    starts: IntArray
    count: int
    ridge: float = 1.0

    def shares(self, rows: IntArray) -> FloatArray:
        """Return the share of some texts that hold each word."""
        found = np.bincount(self._of(rows)[0], minlength=self.count)
        return np.asarray(found / max(len(rows), 1))

    def contrast(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the difference of each word's shares as a z-value, and its error (pooled)."""
        before, now = self.shares(first), self.shares(second)
        rows = len(first) + len(second)
        together = (before * len(first) + now * len(second) + 1) / (rows + 2)
        error = np.sqrt(together * (1 - together) * (1 / len(first) + 1 / len(second)))
        return (now - before) / error, error

    def values(self, rows: IntArray, chosen: IntArray) -> FloatArray:
        """Return some words of some texts (rows, chosen), 1 or 0."""
        place = np.full(self.count, -1)
        place[chosen] = np.arange(len(chosen))
        numbers, owner = self._of(rows)
        wanted = place[numbers] >= 0
        found = np.zeros((len(rows), len(chosen)))
        found[owner[wanted], place[numbers[wanted]]] = 1.0
        return found

    def _of(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return the words of some texts, and which of these texts each is of."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        owner = np.repeat(np.arange(len(rows)), lengths)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.numbers[self.starts[rows][owner] + within], owner
