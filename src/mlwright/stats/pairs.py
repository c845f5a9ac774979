"""Columns and the products of two of them, as terms of a classifier two-sample test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.apart import Apart, Rule
from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.mann_whitney import auc
from mlwright.stats.ranking import mean_ranks

MOST_PARTS = 1000
_MOST_WORK = 4e9  # products summed to find out which pairs differ: bounds the rows that are used

Parts = NDArray[np.float32]


def normal_scores(values: FloatArray) -> FloatArray:
    """Return the normal quantile of each value's rank; 0 where it is NaN.

    >>> normal_scores(np.array([1.0, 900.0, np.nan, 3.0])).round(2).tolist()
    [-0.97, 0.97, 0.0, 0.0]
    """
    from scipy.special import ndtri

    known = ~np.isnan(values)
    scores = np.zeros(len(values))
    if known.any():
        scores[known] = ndtri((mean_ranks(values[known]) - 0.5) / known.sum())
    return scores


@dataclass(frozen=True, eq=False)
class Pairs:
    """Parts of columns (rows, parts), each of mean 0 and deviation 1, and `owner`, their column.

    Terms are the parts, then the products of parts of two columns, by `pairs`.
    """

    parts: Parts
    owner: IntArray
    ridge: float = 0.5

    @classmethod
    def of(cls, parts: FloatArray | Parts, owner: IntArray) -> Pairs:
        """Scale the parts; what does not vary is left out."""
        spread = parts.std(axis=0, dtype=np.float64)
        varies = spread > 1e-9
        scaled = parts[:, varies] - parts[:, varies].mean(axis=0, dtype=np.float64)
        scaled /= spread[varies]
        return cls(scaled.astype(np.float32), owner[varies])

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """Return the two parts of each product."""
        one, other = np.triu_indices(len(self.owner), 1)
        apart = self.owner[one] != self.owner[other]
        return one[apart], other[apart]

    def contrast(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return each term's difference of means as a z-value, and its standard error."""
        most = max(int(_MOST_WORK / len(self.owner) ** 2), 2)
        moments = [self._moments(rows[:most]) for rows in (first, second)]
        error = np.sqrt(moments[0][1] + moments[1][1]) + 1e-9
        return (moments[1][0] - moments[0][0]) / error, error

    def _moments(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean of each term over some rows, and the variance of that mean."""
        values = self.parts[rows]
        squares = values * values
        count = len(rows)
        products, fourth = values.T @ values / count, squares.T @ squares / count
        upper = self.pairs
        mean = np.concatenate([values.mean(axis=0), products[upper]], dtype=np.float64)
        square = np.concatenate([squares.mean(axis=0), fourth[upper]], dtype=np.float64)
        return mean, np.maximum(square - mean**2, 0.0) / count

    def values(self, rows: IntArray, chosen: IntArray) -> FloatArray:
        """Return some terms of some rows (rows, chosen)."""
        return self._values(self.parts[rows], chosen)

    def _values(self, parts: Parts, chosen: IntArray) -> FloatArray:
        width = len(self.owner)
        found = parts[:, np.where(chosen < width, chosen, self._sides(chosen)[0])]
        products = np.flatnonzero(chosen >= width)
        found[:, products] *= parts[:, self._sides(chosen[products])[1]]
        return np.asarray(found, dtype=np.float64)

    def _sides(self, chosen: IntArray) -> tuple[IntArray, IntArray]:
        """Return the two parts of each term; a part alone is both."""
        width = len(self.owner)
        product = chosen >= width
        one, other = chosen.copy(), chosen.copy()
        for side, parts in zip((one, other), self.pairs, strict=True):
            side[product] = parts[chosen[product] - width]
        return one, other

    def falls(self, found: Apart, *, seed: int = 0) -> FloatArray:
        """Return by how much the AUC falls when a column is shuffled among rows not learned from.

        Permutation importance (Breiman 2001), (columns,): 0 for a column without a part in either
        rule.
        """
        random = np.random.default_rng(seed)
        falls = np.zeros(int(self.owner.max()) + 1)
        for rule in found.rules:
            falls += self._falls(rule, random, len(falls)) / len(found.rules)
        return falls

    def _falls(self, rule: Rule, random: np.random.Generator, columns: int) -> FloatArray:
        rows = np.concatenate([rule.first, rule.second])
        parts, split = self.parts[rows], len(rule.first)
        scores = self._values(parts, rule.chosen) @ rule.weights
        owners = [self.owner[side] for side in self._sides(rule.chosen)]
        falls = np.zeros(columns)
        for column in np.unique(owners):
            touched = (owners[0] == column) | (owners[1] == column)
            mine, weights = rule.chosen[touched], rule.weights[touched]
            shuffled = parts.copy()
            own = self.owner == column
            shuffled[:, own] = parts[random.permutation(len(rows))][:, own]
            moved = scores + (self._values(shuffled, mine) - self._values(parts, mine)) @ weights
            falls[column] = rule.found.value - auc(moved[:split], moved[split:]).value
        return falls
