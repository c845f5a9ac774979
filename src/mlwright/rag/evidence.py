"""How strong the evidence for an answer is, and from where on it is enough.

The score is the cosine of question and chunk, the best of all hits; where nothing is embedded, the
share of the question's words that the best hit holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .records import Hit
from .sentences import terms

DEFAULT_MINIMUM = 0.30
"""Measured for MiniLM in docs/decisions/answers.md; other embedders want `rag evaluate`'s own."""

KEPT = 0.95


def evidence(hits: Sequence[Hit], question: str) -> float:
    """Return the score of the best hit, from 0 to 1; no hit is 0."""
    dense = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    if dense:
        return max(0.0, min(1.0, max(dense)))
    wanted = set(terms(question))
    if not wanted:
        return 0.0
    return max((len(wanted & set(terms(hit.chunk.text))) / len(wanted) for hit in hits), default=0)


def calibrated(scores: Sequence[float], *, kept: float = KEPT) -> float | None:
    """Return the score that this share of the answerable questions reaches, or None below 20.

    >>> calibrated([i / 100 for i in range(1, 101)])
    0.06
    """
    if len(scores) < 20:
        return None
    place = math.floor((1 - kept) * len(scores) + 1e-9)
    return round(sorted(scores)[place], 4)
