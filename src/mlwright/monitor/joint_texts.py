"""Texts by their words, and lists of numbers, as a classifier two-sample test takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlwright.stats.apart import Apart
from mlwright.stats.arrays import FloatArray, IntArray
from mlwright.stats.pairs import Pairs
from mlwright.stats.words import Words

from .joint import FEWEST_ROWS, Word

NUMBER = "(a number)"
_LONGEST = 5000  # letters that are read of a text
_WORD = r"\p{L}{2,}|\d+"
_MOST_NAMED = 10
_SURE = 4.0
_MOST_DIMENSIONS = 256
_FARTHEST = 6.0  # standard deviations


@dataclass(frozen=True, eq=False)
class Text:
    """A column of texts: the words that ten rows hold, and the texts as their numbers."""

    terms: Words
    words: tuple[str, ...]

    def differing(self, found: Apart, first: int) -> tuple[Word, ...]:
        """Return the words of both rules whose shares differ most surely, with their shares."""
        rows = len(self.terms.starts) - 1
        sides = np.arange(first), np.arange(first, rows)
        z_values, _ = self.terms.contrast(*sides)
        used = np.intersect1d(found.rules[0].chosen, found.rules[1].chosen)
        used = used[np.abs(z_values[used]) > _SURE]
        shares = [self.terms.shares(side) for side in sides]
        enough = [
            share * len(side) >= FEWEST_ROWS for share, side in zip(shares, sides, strict=True)
        ]
        used = used[(enough[0] | enough[1])[used]]
        order = used[np.argsort(-np.abs(z_values[used]), kind="stable")][:_MOST_NAMED]
        return tuple(
            Word(
                self.words[i],
                *(float(share[i]) if known[i] else None
                  for share, known in zip(shares, enough, strict=True)),
            )
            for i in order
        )  # fmt: skip


def text_of(series: pl.Series) -> Text | None:
    """Return the words of texts, lower case, runs of letters; None where no word is in ten rows."""
    read = series.cast(pl.String).str.slice(0, _LONGEST).str.to_lowercase()
    table = (
        pl.DataFrame({"row": np.arange(len(series)), "word": read.str.extract_all(_WORD)})
        .explode("word")
        .drop_nulls()
        .with_columns(
            word=pl.when(pl.col("word").str.contains(r"^\d")).then(pl.lit(NUMBER)).otherwise("word")
        )
        .unique()
    )
    frequent = table.group_by("word").len().filter(pl.col("len") >= FEWEST_ROWS)
    if not frequent.height:
        return None
    known = frequent.sort("word").with_row_index("number").select("word", "number")
    held = table.join(known, on="word").sort("row", "number")
    counts = np.bincount(held["row"].to_numpy(), minlength=len(series))
    starts = np.concatenate([[0], np.cumsum(counts)])
    numbers = held["number"].cast(pl.Int64).to_numpy()
    return Text(Words(numbers, starts, known.height), tuple(known["word"].to_list()))


def lengths(series: pl.Series) -> FloatArray:
    """Return how many numbers each list holds, NaN where it is no list of numbers."""
    inner = getattr(series.dtype, "inner", None)
    if inner is None or not inner.is_numeric():
        return np.full(len(series), np.nan)
    counts = series.cast(pl.List(pl.Float64)).list.len().cast(pl.Float64)
    return np.asarray(counts.fill_null(float("nan")).to_numpy())


def width(series: pl.Series) -> int:
    """Return how many numbers most of its lists hold; 0 where it holds no lists of numbers."""
    found = lengths(series)
    known = found[~np.isnan(found)].astype(np.int64)
    return int(np.bincount(known).argmax()) if len(known) else 0


def vectors_of(series: pl.Series, wide: int) -> FloatArray:
    """Return lists of numbers as rows; one of another length, or with a hole, is all NaN."""
    lists = series.cast(pl.List(pl.Float64))
    fits = (lists.list.len() == wide) & (lists.list.drop_nulls().list.len() == wide)
    found = np.full((len(series), wide), np.nan)
    kept = lists.filter(fits.fill_null(False))
    if len(kept):
        found[fits.fill_null(False).to_numpy()] = kept.list.to_array(wide).to_numpy()
    return found


def terms_of_vectors(vectors: FloatArray, *, seed: int = 0) -> Pairs:
    """Return vectors as terms, scaled; more than 256 numbers are projected on 256 directions.

    The directions are drawn at random (Johnson and Lindenstrauss 1984); a row without a vector
    is at the mean.
    """
    if vectors.shape[1] > _MOST_DIMENSIONS:
        random = np.random.default_rng(seed)
        vectors = vectors @ random.normal(size=(vectors.shape[1], _MOST_DIMENSIONS))
    known = ~np.isnan(vectors).any(axis=1)
    near = np.zeros_like(vectors)
    if known.any():
        whole = vectors[known]
        centred, spread = whole - whole.mean(axis=0), whole.std(axis=0)
        scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
        near[known] = np.clip(scaled, -_FARTHEST, _FARTHEST)
    owner: IntArray = np.arange(near.shape[1])
    return Pairs.of(near, owner)
