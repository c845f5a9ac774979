"""Joint drift: rows that can be told from those of the reference by their columns together.

Each column by itself may stay what it was while two of them no longer go together. The test needs
rows on both sides: a profile knows nothing of pairs. It has a share of the check's error rate,
which the tests of single columns give up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlwright.core.settings import Monitor
from mlwright.stats.intervals import Interval

Kind = Literal["joint_drift", "text_drift", "vector_drift"]

SHARE = 0.25
FEWEST_ROWS = 10
"""Rows of one side that a word stands in before it is shown, so that it is no single row's."""


@dataclass(frozen=True, slots=True)
class Part:
    """A column's part in what was found: by how much the AUC falls when it is shuffled."""

    feature: str
    fall: float

    def to_json(self) -> dict[str, Any]:
        """Return the part as a JSON object."""
        return {"feature": self.feature, "auc_fall": self.fall}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns, or a category of one, and how they are correlated in reference and window."""

    names: tuple[str, str]
    reference: float
    current: float

    def to_json(self) -> dict[str, Any]:
        """Return the pair as a JSON object."""
        return {"names": list(self.names), "reference": self.reference, "current": self.current}


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and the share of rows that hold it; None of a side where fewer than 10 rows do."""

    word: str
    reference: float | None
    current: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the word as a JSON object."""
        return {"word": self.word, "reference": self.reference, "current": self.current}


@dataclass(frozen=True, slots=True)
class JointTest:
    """How well rows of the window are told from rows of the reference.

    By all columns together, or by the words of the text `feature`, or the numbers of the vector.
    `effect` is 2 AUC - 1, held against the same floor as that of a single column; `p_limit` is the
    test's part of the error rate. `features`, `pairs` and `words` are there for what drifted, most
    first.
    """

    kind: Kind
    feature: str | None
    auc: Interval
    p_value: float
    p_limit: float
    effect: float
    drifted: bool
    rows: int
    reference_rows: int
    features: tuple[Part, ...] = ()
    pairs: tuple[Pair, ...] = ()
    words: tuple[Word, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the test as a JSON object."""
        return {
            "kind": self.kind,
            "feature": self.feature,
            "auc": self.auc.to_json(),
            "p_value": self.p_value,
            "p_limit": self.p_limit,
            "effect": self.effect,
            "drifted": self.drifted,
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "features": [part.to_json() for part in self.features],
            "pairs": [pair.to_json() for pair in self.pairs],
            "words": [word.to_json() for word in self.words],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> JointTest:
        """Read what `to_json` wrote."""
        parts = tuple(Part(one["feature"], one["auc_fall"]) for one in value["features"])
        pairs = tuple(
            Pair((one["names"][0], one["names"][1]), one["reference"], one["current"])
            for one in value["pairs"]
        )
        words = tuple(Word(**one) for one in value["words"])
        auc = Interval(**value["auc"])
        return cls(**{**value, "auc": auc, "features": parts, "pairs": pairs, "words": words})


@dataclass(frozen=True, slots=True)
class Joint:
    """What was asked of joint drift; `why` says what was not judged, and why."""

    tests: tuple[JointTest, ...]
    why: str = ""

    @property
    def drifted(self) -> tuple[JointTest, ...]:
        """Return the tests that found something."""
        return tuple(test for test in self.tests if test.drifted)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "judged": bool(self.tests),
            "why": self.why or None,
            "tests": [test.to_json() for test in self.tests],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Joint:
        """Read what `to_json` wrote."""
        return cls(tuple(map(JointTest.from_json, value["tests"])), value["why"] or "")


def of_columns(policy: Monitor) -> Monitor:
    """Return when single columns drift: at the part of the error rate that joint drift leaves."""
    if not policy.joint:
        return policy
    return policy.model_copy(update={"drift_threshold": policy.drift_threshold * (1 - SHARE)})
