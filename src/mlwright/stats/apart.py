"""Whether a classifier tells two samples of rows apart: what they differ in together.

A classifier two-sample test (Friedman 2003; Lopez-Paz and Oquab 2017; Kim, Ramdas, Singh and
Wasserman 2021). Each half of the rows is scored by a rule that was fitted on the other half. The
two p-values depend on each other in a way that nobody knows; twice their mean is valid whatever it
is (Rueschendorf 1982; Vovk and Wang 2020, "Combining p-values via averaging", Biometrika 107).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.intervals import Interval
from mlwright.stats.mann_whitney import Auc, auc
from mlwright.stats.shrinkage import shrunken

MOST_TERMS = 300
_NEGLIGIBLE = 0.02  # of the largest expected difference


class Terms(Protocol):
    """What may differ between two kinds of rows: more terms than can be laid out as a table."""

    @property
    def ridge(self) -> float:
        """Return how far covariances of terms are taken for chance, 0..1.

        At 1 each term counts by itself: better for many sparse ones (Bickel and Levina 2004).
        """
        ...

    def contrast(self, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return each term's difference of means between rows as a z-value, and its error."""
        ...

    def values(self, rows: IntArray, chosen: IntArray) -> FloatArray:
        """Return some terms of some rows (rows, chosen)."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """A linear score of terms, fitted on one half; `first` and `second` are the other half."""

    chosen: IntArray
    weights: FloatArray
    first: IntArray
    second: IntArray
    found: Auc


@dataclass(frozen=True, slots=True)
class Apart:
    """How well two samples can be told apart by rows that the rules had not seen.

    The interval of the AUC (95%) holds however the two halves depend on each other.
    """

    auc: Interval
    p_value: float
    rules: tuple[Rule, Rule]

    @property
    def effect(self) -> float:
        """Return 0 where the rows cannot be told apart, 1 where each of them can."""
        return max(0.0, 2 * self.auc.value - 1)


def apart(terms: Terms, first: int, second: int, *, seed: int = 0) -> Apart:
    """Test whether two samples of independent rows come from one distribution.

    Args:
        terms: of the rows; those of the first sample come before those of the second.
        first: rows of the first sample.
        second: rows of the second sample.
        seed: of the division into halves, drawn within each sample.

    Raises:
        ValueError: a sample has fewer than 4 rows.
    """
    if min(first, second) < 4:
        raise ValueError(f"Each sample needs 4 rows, got {first} and {second}.")
    random = np.random.default_rng(seed)
    halves = [
        np.array_split(start + random.permutation(rows), 2)
        for start, rows in ((0, first), (first, second))
    ]
    rules = tuple(_rule(terms, halves, held_out) for held_out in (0, 1))
    value = float(np.mean([rule.found.value for rule in rules]))
    half = 1.96 * float(np.mean([rule.found.error for rule in rules]))
    p_value = min(1.0, sum(rule.found.p_value for rule in rules))
    interval = Interval(value, max(0.0, value - half), min(1.0, value + half), second)
    return Apart(interval, p_value, (rules[0], rules[1]))


def _rule(terms: Terms, halves: list[list[IntArray]], held_out: int) -> Rule:
    seen, kept = [[pair[part] for pair in halves] for part in (1 - held_out, held_out)]
    z_values, errors = terms.contrast(*seen)
    expected = shrunken(z_values)
    if not expected.any():
        expected = z_values
    order = np.argsort(-np.abs(expected), kind="stable")[:MOST_TERMS]
    chosen = order[np.abs(expected[order]) >= _NEGLIGIBLE * np.abs(expected[order[0]])]
    samples = [terms.values(rows, chosen) for rows in seen]
    weights = _discriminant(samples, (expected * errors)[chosen], terms.ridge)
    scores = [terms.values(rows, chosen) @ weights for rows in kept]
    return Rule(chosen, weights, kept[0], kept[1], auc(*scores))


def _discriminant(samples: list[FloatArray], gap: FloatArray, ridge: float) -> FloatArray:
    """Return Fisher's discriminant (1936) of a difference of means, the covariance shrunken."""
    centred = [sample - sample.mean(axis=0) for sample in samples]
    within = sum(part.T @ part for part in centred) / sum(map(len, samples))
    spread = np.diag(np.diag(within) + 1e-6)
    return np.asarray(np.linalg.solve((1 - ridge) * within + ridge * spread, gap))
