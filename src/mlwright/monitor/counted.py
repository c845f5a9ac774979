"""What an hour's file counts beside the columns: latency, routes, broken types, the answers' level.

They stand in the profile as columns of their own, so that they add up as exactly as the others.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import polars as pl

from mlwright.bundle.bundle import Bundle
from mlwright.core.signature import Signature
from mlwright.profile.count import numbers
from mlwright.profile.make import score_profile
from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from mlwright.stats.arrays import FloatArray

from .compare import complete
from .observe import observe
from .rows import Rows, scores

# No column of a table of text can be called so.
LATENCY, ROUTE, BREAKS, LEVEL = "\0latency_ms", "\0route", "\0breaks", "\0level"
_STEP = 1.02  # a quantile is right to within 1%
_EDGES: tuple[float, ...] = tuple((0.01 * _STEP ** np.arange(820)).tolist())  # to over 100 seconds
_ROUTES = ("champion", "candidate", "fallback")


def like(bundle: Bundle) -> Profile:
    """Return the edges and categories on which the rows of a bundle's model are counted."""
    beside: dict[str, ColumnProfile] = {
        LATENCY: _empty(_EDGES),
        LEVEL: _empty((0.0,)),
        ROUTE: CategoryProfile(dict.fromkeys(_ROUTES, 0), 0, 0),
        BREAKS: CategoryProfile(dict.fromkeys(bundle.signature.names, 0), 0, 0),
    }
    reference = bundle.profile
    return Profile({**reference.columns, **beside}, reference.rows, reference.score)


def count(bundle: Bundle, rows: Rows) -> Profile:
    """Return the profile of rows that the bundle's model answered, in the form of `like`."""
    signature, sample, table = bundle.signature, rows.sample(), rows.table
    seen = observe(complete(sample), signature.inputs, rows=sample.rows, like=bundle.profile)
    routes = table["route"].value_counts()
    found = dict(zip(routes["route"].to_list(), routes["count"].to_list(), strict=True))
    score = None
    if bundle.profile.score is not None:
        score = score_profile(scores(table, signature), signature, bundle.profile.score)
    beside: dict[str, ColumnProfile] = {
        LATENCY: latencies(table["latency_ms"]),
        LEVEL: _numbers(pl.Series(level(table, signature)), (0.0,)),
        ROUTE: CategoryProfile({name: found.get(name, 0) for name in _ROUTES}, 0, 0),
        BREAKS: CategoryProfile({name: one.breaks for name, one in seen.columns.items()}, 0, 0),
    }
    return Profile({**seen.profile.columns, **beside}, sample.rows, score)


def level(table: pl.DataFrame, signature: Signature) -> FloatArray:
    """Return one number an answer: P(positive), the value, or the highest probability."""
    given = scores(table, signature)
    return given if given.ndim == 1 else np.asarray(given.max(axis=1))


def latencies(values: pl.Series) -> NumberProfile:
    """Return milliseconds as they are counted."""
    return _numbers(values, _EDGES)


def quantile(latency: NumberProfile, at: float) -> float | None:
    """Return a quantile of the latency in milliseconds, to within 1%; None of no rows."""
    if not latency.rows:
        return None
    place = int(np.searchsorted(np.cumsum(latency.counts), np.ceil(at * latency.rows)))
    if place == 0:
        return _EDGES[0]
    middle = _EDGES[place - 1] * math.sqrt(_STEP)
    most = latency.maximum if latency.maximum is not None else middle
    return min(middle, most) if place < len(_EDGES) else most


def _empty(edges: tuple[float, ...]) -> NumberProfile:
    return NumberProfile(edges, (0,) * (len(edges) + 1), 0, None, None, Fraction(0))


def _numbers(values: pl.Series, edges: tuple[float, ...]) -> NumberProfile:
    ordered = values.cast(pl.Float64).fill_nan(None).drop_nulls().sort().to_numpy()
    return numbers(ordered, len(values) - len(ordered), like=_empty(edges))
