"""Drift: which columns of a window differ from the reference by more than chance and enough.

Kolmogorov-Smirnov for numbers and chi-squared for categories, on the counts of two profiles;
nulls and new categories count as categories. All tests of a check share one false-discovery rate
(Benjamini and Hochberg 1995), and the effect has to exceed a floor. The unit is the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlwright.profile.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from mlwright.stats.discovery import discoveries
from mlwright.stats.gamma import chi_squared_limit, noncentrality
from mlwright.stats.intervals import Interval
from mlwright.stats.sorted_samples import Distances, wasserstein_counts
from mlwright.stats.two_sample import (
    TwoSample,
    chi_squared,
    jensen_shannon,
    ks_counts,
    psi,
)

Kind = Literal["data_drift", "missing_values", "prediction_drift"]
Method = Literal["ks", "chi_squared"]

PREDICTION = "prediction"
_CHANCE = 0.9
_Z = 1.2816  # the normal quantile of that chance
_FEWEST_EXPECTED = 5  # Cochran's rule (1954): below it chi-squared finds what is not there
_PSI_BINS = 10
_INTERVAL_BINS = 64
_DRAWS = 400

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One test of a check. `effect` is KS D or total variation, 0..1."""

    kind: Kind
    feature: str
    method: Method
    statistic: float
    p_value: float
    effect: float
    drifted: bool
    importance: float
    psi: float
    interval: Interval | None
    smallest: float
    jensen_shannon: float = 0.0
    wasserstein: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object.

        `interval` is that of the effect, and there for what drifted; `smallest` is the effect
        that this test would have found nine times in ten. `wasserstein` is in the feature's
        own unit, and there for numbers.
        """
        return {
            "kind": self.kind,
            "feature": self.feature,
            "method": self.method,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "effect": self.effect,
            "drifted": self.drifted,
            "importance": self.importance,
            "psi": self.psi,
            "interval": self.interval.to_json() if self.interval else None,
            "smallest": self.smallest,
            "jensen_shannon": self.jensen_shannon,
            "wasserstein": self.wasserstein,
        }


@dataclass(frozen=True, slots=True)
class _Test:
    kind: Kind
    feature: str
    method: Method
    reference: Counts
    current: Counts
    exact: Distances | None = None
    edges: tuple[float, ...] = ()

    def run(self) -> TwoSample:
        if self.exact is not None:
            return self.exact.ks
        compare = ks_counts if self.method == "ks" else chi_squared
        return compare(self.reference, self.current)


def find(
    reference: Profile,
    current: Profile,
    importance: Mapping[str, float],
    *,
    q: float = 0.001,
    floor: float = 0.05,
    exact: Mapping[str, Distances] | None = None,
) -> tuple[Finding, ...]:
    """Test every column, and the predictions where both profiles have them.

    The profiles share edges and categories (`profile.make.profile(like=reference)`). `exact` are
    the tests of raw values, for the numbers that have them. Findings come ranked: what drifted
    first, features before predictions, by effect times importance.
    """
    tests = list(_tests(reference, current, exact or {}))
    if not tests:
        return ()
    results = [test.run() for test in tests]
    p_values, effects = [r.p_value for r in results], [r.effect for r in results]
    drifted = discoveries(p_values, effects, q=q, floor=floor).tolist()
    findings = [
        Finding(
            kind=test.kind,
            feature=test.feature,
            method=test.method,
            statistic=result.statistic,
            p_value=result.p_value,
            effect=result.effect,
            drifted=found,
            importance=1.0 if test.kind == "prediction_drift" else importance.get(test.feature, 0),
            psi=_psi(test),
            interval=_interval(test, result) if found else None,
            smallest=_smallest(test, result, q / len(tests), floor),
            jensen_shannon=jensen_shannon(test.reference, test.current),
            wasserstein=_wasserstein(test),
        )
        for test, result, found in zip(tests, results, drifted, strict=True)
    ]
    return tuple(sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[bool, bool, float, float, str, str]:
    weight = finding.effect * finding.importance
    follows = finding.kind == "prediction_drift"  # from the features, or from too little of each
    return (not finding.drifted, follows, -weight, -finding.effect, finding.feature, finding.kind)


def _tests(reference: Profile, current: Profile, exact: Mapping[str, Distances]) -> Iterator[_Test]:
    for name, column in reference.columns.items():
        if name in current.columns:
            now = current.columns[name]
            yield from _column_tests("data_drift", name, column, now, exact.get(name))
    if reference.score is not None and current.score is not None:
        yield from _column_tests("prediction_drift", PREDICTION, reference.score, current.score)


def _column_tests(
    kind: Kind,
    name: str,
    reference: ColumnProfile,
    current: ColumnProfile,
    exact: Distances | None = None,
) -> Iterator[_Test]:
    if isinstance(reference, NumberProfile) and isinstance(current, NumberProfile):
        if reference.rows and current.rows:
            counts = _array(reference.counts), _array(current.counts)
            yield _Test(kind, name, "ks", *counts, exact, reference.edges)
        if reference.nulls or current.nulls:
            before, now = (_array((part.rows, part.nulls)) for part in (reference, current))
            yield _Test("missing_values", name, "chi_squared", before, now)
    elif isinstance(reference, CategoryProfile) and isinstance(current, CategoryProfile):
        cells = [_array(category_counts(part, reference)) for part in (reference, current)]
        before, now = _merged(*cells)
        yield _Test(kind, name, "chi_squared", before, now)


def category_counts(profile: CategoryProfile, reference: CategoryProfile) -> list[int]:
    """Return the counts in the reference's order, then all other categories, then nulls."""
    return [*(profile.counts[name] for name in reference.counts), profile.other, profile.nulls]


def _array(counts: Sequence[int]) -> Counts:
    return np.asarray(counts, dtype=np.int64)


def _merged(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """Sum the cells in which the window could be expected to hold next to nothing."""
    total = reference + current
    expected = total * (current.sum() / max(int(total.sum()), 1))
    rare = expected < _FEWEST_EXPECTED
    if rare.sum() < 2:
        return reference, current
    return (
        np.append(reference[~rare], reference[rare].sum()),
        np.append(current[~rare], current[rare].sum()),
    )


def _coarse(test: _Test, groups: int) -> tuple[Counts, Counts]:
    """Sum neighbouring bins into groups that hold about as many rows of the reference each."""
    before = np.cumsum(test.reference) - test.reference
    place = np.minimum(before * groups // max(int(test.reference.sum()), 1), groups - 1)
    first, second = (np.zeros(groups, dtype=np.int64) for _ in range(2))
    np.add.at(first, place, test.reference)
    np.add.at(second, place, test.current)
    return first, second


def _psi(test: _Test) -> float:
    """Return the index on tenths of the reference, as its usual limits of .1 and .2 assume."""
    if test.method == "ks":
        return psi(*_coarse(test, _PSI_BINS))
    return psi(test.reference, test.current)


def _wasserstein(test: _Test) -> float | None:
    if test.exact is not None:
        return test.exact.wasserstein
    if not test.edges:
        return None
    return wasserstein_counts(np.asarray(test.edges), test.reference, test.current)


def _interval(test: _Test, result: TwoSample) -> Interval:
    """Return the effect with a 95% interval by the parametric bootstrap of both samples."""
    pair = (test.reference, test.current)
    if test.method == "ks":
        pair = _coarse(test, _INTERVAL_BINS)
    random = np.random.default_rng(0)
    shares = [random.multinomial(row.sum(), row / row.sum(), _DRAWS) / row.sum() for row in pair]
    gap = shares[0] - shares[1]
    if test.method == "ks":
        drawn = np.abs(np.cumsum(gap, axis=1)).max(axis=1)
    else:
        drawn = np.abs(gap).sum(axis=1) / 2
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    effect = result.effect
    return Interval(effect, min(low, effect), max(high, effect), result.n_current)


def _smallest(test: _Test, result: TwoSample, p_limit: float, floor: float) -> float:
    """Return the effect that is found nine times in ten, were it the only one.

    At the point (or set of categories) where the two differ most, the shares differ by a normal
    with deviation <= 1 / (2 sqrt(n)), n the effective size. For KS the limit of the statistic
    is from p <= 2 exp(-2 n D^2); for chi-squared the noncentrality is >= 4 n TV^2.
    """
    n = result.n_reference * result.n_current / (result.n_reference + result.n_current)
    spread = _Z / (2 * math.sqrt(n))
    if test.method == "ks":
        return min(1.0, max(floor, math.sqrt(math.log(2 / p_limit) / (2 * n))) + spread)
    freedom = max(int(((test.reference + test.current) > 0).sum()) - 1, 1)
    needed = noncentrality(freedom, chi_squared_limit(freedom, p_limit), _CHANCE)
    return min(1.0, max(floor + spread, math.sqrt(needed / n) / 2))
