"""The tests of joint drift: of all columns together, of each text, of each vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlwright.core.errors import MlwrightError
from mlwright.core.settings import Monitor
from mlwright.core.signature import Column
from mlwright.stats.apart import Apart, Terms, apart
from mlwright.stats.arrays import FloatArray
from mlwright.stats.pairs import Parts

from .joint import SHARE, Joint, JointTest, Kind, Pair, Part
from .joint_rows import Both, Encoded, drawn, encoded
from .joint_texts import Text, lengths, terms_of_vectors, text_of, vectors_of, width
from .reference import Reference
from .sources import Sample

_MOST_NAMED = 10
_MOST_PAIRS = 5
_LEAST_PART = 0.05  # of the largest fall, for a feature to be named
_SURE = 4.0  # standard errors by which a pair that is named differs


def joint(
    sample: Sample,
    reference: Reference,
    importance: Mapping[str, float],
    policy: Monitor,
    *,
    rows: Callable[[], Sample] | None = None,
) -> Joint | None:
    """Test whether the rows of a window can be told from the reference's; None if not asked.

    Args:
        sample: the rows of the window.
        reference: what they are compared with.
        importance: feature -> share; of very many columns the most important are looked at.
        policy: when to speak of drift, and whether joint drift is asked for at all.
        rows: reads the reference's rows, where it is a profile.
    """
    if not policy.joint:
        return None
    if sample.rows < policy.minimum_rows:
        return Joint((), f"too few rows, {policy.minimum_rows:,} are needed")
    try:
        against = reference.sample or (rows() if rows else None)
    except MlwrightError as exc:
        return Joint((), f"it needs reference rows (--reference-data FILE), and {exc}")
    if against is None or against.rows < policy.minimum_rows:
        return Joint((), f"it needs {policy.minimum_rows:,} reference rows (--reference-data FILE)")
    both = drawn(against, sample, hours=reference.hours.keys())
    asked = list(_asked(both, reference, importance))
    limit = policy.drift_threshold * SHARE / max(sum(one.terms is not None for one in asked), 1)
    tests = tuple(
        one.run(one.terms, both, limit, policy.effect_floor)
        for one in asked
        if one.terms is not None
    )
    nothing = "" if asked else "fewer than two columns have values to compare"
    return Joint(tests, "; ".join(one.why for one in asked if one.why) or nothing)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A test that can be made, or why it cannot; `details` names what differs, if anything does."""

    kind: Kind
    feature: str | None = None
    terms: Terms | None = None
    details: Callable[[JointTest, Apart], JointTest] = lambda test, _found: test
    why: str = ""

    def run(self, terms: Terms, both: Both, limit: float, floor: float) -> JointTest:
        first, second = len(both.at_reference), len(both.at_current)
        found = apart(terms, first, second)
        drifted = found.p_value <= limit and found.effect > floor
        test = JointTest(
            self.kind,
            self.feature,
            auc=found.auc,
            p_value=found.p_value,
            p_limit=limit,
            effect=found.effect,
            drifted=drifted,
            rows=second,
            reference_rows=first,
        )
        return self.details(test, found) if drifted else test


def _asked(both: Both, reference: Reference, importance: Mapping[str, float]) -> Iterator[_Asked]:
    shared = [name for name in both.current.features if name in both.reference.features]
    columns = sorted(
        (column for column in reference.columns if column.name in shared),
        key=lambda column: -importance.get(column.name, 0.0),
    )
    made = encoded(both, columns)
    if made is not None:
        yield _columns(made, len(both.at_reference))
    for column in columns:
        if column.kind == "text":
            yield _text(both, column)
    compared = {column.name for column in columns}
    for name in shared:
        if name not in compared:
            yield from _vector(both, name)


def _columns(made: Encoded, first: int) -> _Asked:
    def details(test: JointTest, found: Apart) -> JointTest:
        return replace(test, features=_features(made, found), pairs=_pairs(made, found, first))

    return _Asked("joint_drift", None, made.pairs, details)


def _text(both: Both, column: Column) -> _Asked:
    name, values = column.name, both.column(column)
    made = None if values is None else text_of(values)
    if made is None:
        return _Asked("text_drift", name, why=f"the texts of {name} share no word")
    known: Text = made

    def details(test: JointTest, found: Apart) -> JointTest:
        return replace(test, words=known.differing(found, len(both.at_reference)))

    return _Asked("text_drift", name, known.terms, details)


def _vector(both: Both, name: str) -> Iterator[_Asked]:
    sides = both.sides(name)
    before, now = (width(side) for side in sides)
    if not before and not now:
        return
    if not (before and now):
        side = "the reference" if before else "the window"
        yield _Asked("vector_drift", name, why=f"{name} holds lists of numbers in {side} alone")
        return
    if before != now:  # what made them is another: their length tells them apart
        terms = terms_of_vectors(np.concatenate([lengths(side) for side in sides])[:, None])
    else:
        terms = terms_of_vectors(np.vstack([vectors_of(side, before) for side in sides]))
    if len(terms.owner):
        yield _Asked("vector_drift", name, terms)
    else:
        yield _Asked(
            "vector_drift", name, why=f"the vectors of {name} are all the same or have holes"
        )


def _features(made: Encoded, found: Apart) -> tuple[Part, ...]:
    falls = made.pairs.falls(found)
    order = np.argsort(-falls, kind="stable")[:_MOST_NAMED]
    least = _LEAST_PART * falls[order[0]]
    return tuple(Part(made.columns[i], float(falls[i])) for i in order if falls[i] > max(least, 0))


def _pairs(made: Encoded, found: Apart, first: int) -> tuple[Pair, ...]:
    """Name the products that differ most among those that both rules look at."""
    pairs = made.pairs
    width = len(pairs.owner)
    used = np.intersect1d(found.rules[0].chosen, found.rules[1].chosen)
    used = used[used >= width] - width
    sides = [side[used] for side in pairs.pairs]
    before, now = pairs.parts[:first], pairs.parts[first:]
    held = [_correlations(rows, sides) for rows in (before, now)]
    gap = np.arctanh(held[1]) - np.arctanh(held[0])  # Fisher's z: its error is 1 / sqrt(n - 3)
    z_values = np.abs(gap) / np.sqrt(1 / (len(before) - 3) + 1 / (len(now) - 3))
    order = [i for i in np.argsort(-z_values, kind="stable") if z_values[i] > _SURE]
    named = [(made.parts[sides[0][i]], made.parts[sides[1][i]]) for i in order[:_MOST_PAIRS]]
    return tuple(
        Pair(names, float(held[0][i]), float(held[1][i]))
        for names, i in zip(named, order, strict=False)
    )


def _correlations(rows: Parts, sides: Sequence[np.ndarray]) -> FloatArray:
    one, other = (rows[:, side] - rows[:, side].mean(axis=0) for side in sides)
    scale = np.sqrt((one**2).mean(axis=0) * (other**2).mean(axis=0))
    together = np.divide(
        (one * other).mean(axis=0), scale, out=np.zeros_like(scale), where=scale > 0
    )
    return np.asarray(np.clip(together, -0.999, 0.999), dtype=np.float64)
