"""Whether two collections of short texts use other words, and which.

The unit is what was independent: a text, or all texts of one caller.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.stats.arrays import BoolArray, FloatArray
from mlwright.stats.discovery import benjamini_hochberg
from mlwright.stats.fisher import fisher

FEWEST_WITH_A_WORD = 5
"""Units of one side that a word stands in before it is named, so that it is no single caller's."""

_MOST_UNITS = 750
_MOST_WORDS = 1000
_MOST_NAMED = 8
_PERMUTATIONS = 9_999
_AT_ONCE = 500
_EXCEEDING = 20
_NAMED_AT = 0.01
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word that became more frequent or rarer: the shares of units with it."""

    word: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True)
class WordShift:
    """What the test found. `effect` is the largest change of a named word's share, 0..1."""

    p_value: float
    words: tuple[Word, ...]
    n_reference: int
    n_current: int

    @property
    def effect(self) -> float:
        """Return how far the share of the first named word moved."""
        return max((abs(each.current - each.reference) for each in self.words), default=0.0)


def word_shift(
    reference: Sequence[Sequence[str]], current: Sequence[Sequence[str]], *, seed: int = 0
) -> WordShift:
    """Test whether the words of two collections come from one source.

    Each text is the set of its words (letters alone: no numbers), scaled to length 1; a unit is the
    mean of its texts. The statistic is the squared distance of both sides' means (the maximum mean
    discrepancy with a linear kernel: Gretton and others 2012, JMLR 13), its p-value by
    permutation of units: exact where they are exchangeable, whatever their number. It stops once
    20 permutations were as far apart (Besag and Clifford 1991, Biometrika 78), else after 9,999.
    Of more than 750 units a side a sample of so many is taken.

    Words are named where their share of units differs by Fisher's test at a false-discovery rate of
    1%, and five units of one side have them.

    Args:
        reference: the texts of each unit.
        current: the same, of the other side.
        seed: of sample and permutations.

    Raises:
        ValueError: a side is empty.

    >>> before = [["where is my parcel"], ["is my parcel late"]] * 20
    >>> found = word_shift(before, [["can a drone fly"], ["the drone is broken"]] * 20)
    >>> found.words[0].word, found.p_value
    ('drone', 0.0001)
    """
    if not reference or not current:
        raise ValueError("Both collections need at least one unit.")
    rng = np.random.default_rng(seed)
    sides = [_sampled(side, rng) for side in (reference, current)]
    units = [_words(texts) for side in sides for texts in side]
    first = np.arange(len(units)) < len(sides[0])
    names = _vocabulary(units)
    if not names:
        return WordShift(1.0, (), len(sides[0]), len(sides[1]))
    weights, present = _matrices(units, names)
    return WordShift(
        _p_value(weights @ weights.T, first, rng),
        _named(names, present[first], present[~first]),
        len(sides[0]),
        len(sides[1]),
    )


def _sampled(units: Sequence[Sequence[str]], rng: np.random.Generator) -> list[Sequence[str]]:
    if len(units) <= _MOST_UNITS:
        return list(units)
    chosen = np.sort(rng.choice(len(units), _MOST_UNITS, replace=False))
    return [units[place] for place in chosen]


def _words(texts: Sequence[str]) -> list[frozenset[str]]:
    return [frozenset(_WORD.findall(text.casefold())) for text in texts]


def _vocabulary(units: Sequence[Sequence[frozenset[str]]]) -> list[str]:
    """Return the most frequent words of both sides together, so that no side chooses them."""
    counts = Counter(word for texts in units for word in frozenset().union(*texts))
    often = [word for word, count in counts.items() if count >= FEWEST_WITH_A_WORD]
    return sorted(often, key=lambda word: (-counts[word], word))[:_MOST_WORDS]


def _matrices(
    units: Sequence[Sequence[frozenset[str]]], names: Sequence[str]
) -> tuple[NDArray[np.float32], BoolArray]:
    """Return each unit's mean of scaled texts, and whether it has each word (units, words)."""
    place = {word: at for at, word in enumerate(names)}
    weights = np.zeros((len(units), len(names)), np.float32)
    for row, texts in enumerate(units):
        for words in texts:
            at = [place[word] for word in words if word in place]
            if at:
                weights[row, at] += len(at) ** -0.5 / len(texts)
    return weights, weights > 0


def _p_value(kernel: NDArray[np.float32], first: BoolArray, rng: np.random.Generator) -> float:
    signs = np.where(first, 1 / first.sum(), -1 / (~first).sum()).astype(np.float32)
    seen = _distances(kernel, signs[None, :])[0] * (1 - 1e-5)  # rounding makes no tie a difference
    exceeding = done = 0
    while done < _PERMUTATIONS:
        some = min(max(done, 50), _AT_ONCE, _PERMUTATIONS - done)  # mostly a few are enough
        drawn = rng.permuted(np.broadcast_to(signs, (some, len(signs))), axis=1)
        beyond = np.flatnonzero(_distances(kernel, drawn) >= seen)
        if exceeding + len(beyond) >= _EXCEEDING:
            last = int(beyond[_EXCEEDING - exceeding - 1])
            return _EXCEEDING / (done + last + 1)
        exceeding, done = exceeding + len(beyond), done + some
    return (exceeding + 1) / (done + 1)


def _distances(kernel: NDArray[np.float32], signs: NDArray[Any]) -> FloatArray:
    return np.asarray(np.einsum("pn,pn->p", signs @ kernel, signs), np.float64)


def _named(names: Sequence[str], before: BoolArray, now: BoolArray) -> tuple[Word, ...]:
    one, other = before.sum(axis=0), now.sum(axis=0)
    p_values = [
        fisher((a, len(before) - a), (b, len(now) - b)).p_value
        for a, b in zip(one.tolist(), other.tolist(), strict=True)
    ]
    found = [
        Word(names[at], float(one[at] / len(before)), float(other[at] / len(now)))
        for at in np.flatnonzero(benjamini_hochberg(p_values, _NAMED_AT)).tolist()
        if max(one[at], other[at]) >= FEWEST_WITH_A_WORD
    ]
    found.sort(key=lambda each: (-abs(each.current - each.reference), each.word))
    return tuple(found[:_MOST_NAMED])
