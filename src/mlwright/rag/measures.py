"""How good a ranking is, as trec_eval computes it: one number a question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Relevant = Mapping[str, int]


def recall(ranking: Sequence[str], relevant: Relevant, k: int) -> float:
    """Return the share of the relevant that are among the first k.

    >>> recall(["a", "x", "b"], {"a": 1, "b": 1}, 2)
    0.5
    """
    return _hits(ranking, relevant, k) / max(1, _count(relevant))


def precision(ranking: Sequence[str], relevant: Relevant, k: int) -> float:
    """Return the share of relevant among k places, also where fewer were found."""
    return _hits(ranking, relevant, k) / k


def hit_rate(ranking: Sequence[str], relevant: Relevant, k: int) -> float:
    """Return 1 when a relevant one is among the first k, else 0."""
    return float(_hits(ranking, relevant, k) > 0)


def reciprocal_rank(ranking: Sequence[str], relevant: Relevant) -> float:
    """Return 1 / the place of the first relevant one, 0 where there is none."""
    return next((1 / place for place, name in enumerate(ranking, 1) if _is(name, relevant)), 0.0)


def ndcg(ranking: Sequence[str], relevant: Relevant, k: int) -> float:
    """Return the discounted cumulative gain by the best possible (Järvelin and Kekäläinen 2002).

    A grade is its own gain, and the discount is log2(place + 1).

    >>> round(ndcg(["x", "a"], {"a": 1}, 10), 4)
    0.6309
    """
    gains = [max(0, relevant.get(name, 0)) for name in ranking[:k]]
    best = sorted((grade for grade in relevant.values() if grade > 0), reverse=True)[:k]
    return _discounted(gains) / _discounted(best) if best else 0.0


def measure(ranking: Sequence[str], relevant: Relevant, k: int) -> dict[str, float]:
    """Return every measure of one ranking, by its name in reports."""
    return {
        f"recall@{k}": recall(ranking, relevant, k),
        f"precision@{k}": precision(ranking, relevant, k),
        f"hit_rate@{k}": hit_rate(ranking, relevant, k),
        "mrr": reciprocal_rank(ranking, relevant),
        f"ndcg@{k}": ndcg(ranking, relevant, k),
        "ndcg@10": ndcg(ranking, relevant, 10),
    }


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _hits(ranking: Sequence[str], relevant: Relevant, k: int) -> int:
    return sum(_is(name, relevant) for name in ranking[:k])


def _is(name: str, relevant: Relevant) -> bool:
    return relevant.get(name, 0) > 0


def _count(relevant: Relevant) -> int:
    return sum(grade > 0 for grade in relevant.values())
