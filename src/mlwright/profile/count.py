"""Count the values of one column into its profile, on edges of its own or those of a reference."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .exact import exact_sum
from .profile import CategoryProfile, NumberProfile

MOST_EDGES = 1000
"""Bins of a number: the KS distance over them is at most 1/1000 below that of raw values."""

MOST_CATEGORIES = 100
"""Categories kept by name; the rest are counted together, so that a profile stays small."""

Floats = NDArray[np.float64]


def numbers(ordered: Floats, nulls: int, *, like: NumberProfile | None = None) -> NumberProfile:
    """Return the profile of sorted numbers, infinite ones among them, and of so many nulls.

    >>> numbers(np.array([1.0, 2.0, 2.0]), 1).counts
    (0, 1, 2, 0)
    """
    finite = finite_part(ordered)
    edges = np.asarray(like.edges) if like else _edges(finite)
    upto = np.searchsorted(ordered, edges, side="right")
    counts = np.diff(upto, prepend=0, append=len(ordered))
    return NumberProfile(
        edges=like.edges if like else tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        nulls=nulls,
        minimum=float(finite[0]) if len(finite) else None,
        maximum=float(finite[-1]) if len(finite) else None,
        total=exact_sum(finite),
    )


def categories(
    found: Mapping[str, int], nulls: int, *, like: CategoryProfile | None = None
) -> CategoryProfile:
    """Return the profile of categories that were counted.

    >>> categories({"a": 2, "b": 5}, 1).counts
    {'b': 5, 'a': 2}
    """
    if like:
        kept = list(like.counts)
    else:
        kept = sorted(found, key=lambda name: (-found[name], name))[:MOST_CATEGORIES]
    counts = {name: found.get(name, 0) for name in kept}
    return CategoryProfile(counts, sum(found.values()) - sum(counts.values()), nulls)


def finite_part(ordered: Floats) -> Floats:
    """Return sorted numbers without the infinite ones at either end."""
    first, last = np.searchsorted(ordered, (-sys.float_info.max, math.inf), side="left").tolist()
    return ordered[first:last]


def _edges(ordered: Floats) -> Floats:
    """Return every distinct value, or quantiles, behind an edge just below the smallest."""
    if not len(ordered):
        return ordered
    values = _distinct(ordered)
    if len(values) > MOST_EDGES:
        at = np.ceil(np.linspace(0, 1, MOST_EDGES) * len(ordered)).astype(np.int64) - 1
        values = _distinct(ordered[np.maximum(at, 0)])
    below = max(math.nextafter(values[0], -math.inf), -sys.float_info.max)
    return _distinct(np.append(below, values))


def _distinct(ordered: Floats) -> Floats:
    first: Floats = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return first
