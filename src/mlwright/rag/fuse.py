"""Join rankings of the same chunks, and make a ranking less repetitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Ranking = Sequence[tuple[str, float]]
"""Ids and scores, best first."""

_K = 60


def by_rank(rankings: Sequence[Ranking]) -> list[tuple[str, float]]:
    """Return the reciprocal rank fusion, k = 60 (Cormack, Clarke and Büttcher 2009).

    >>> [name for name, _ in by_rank([[("a", 9.0), ("b", 1.0)], [("b", 0.4), ("c", 0.3)]])]
    ['b', 'a', 'c']
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, (name, _) in enumerate(ranking, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (_K + place)
    return _sorted(scores)


def by_score(rankings: Sequence[tuple[Ranking, float]]) -> list[tuple[str, float]]:
    """Return the weighted sum of scores, each ranking's stretched to 0 to 1; unranked is 0.

    >>> by_score([([("a", 9.0), ("b", 1.0)], 0.7), ([("b", 0.4), ("a", 0.2)], 0.3)])
    [('a', 0.7), ('b', 0.3)]
    """
    scores: dict[str, float] = {}
    for ranking, weight in rankings:
        low = min((score for _, score in ranking), default=0.0)
        span = max((score for _, score in ranking), default=0.0) - low
        for name, score in ranking:
            part = (score - low) / span if span > 0 else 1.0
            scores[name] = scores.get(name, 0.0) + weight * part
    return _sorted(scores)


def diverse(
    ranking: Ranking, words: Mapping[str, frozenset[str]], k: int, nearness: float
) -> list[tuple[str, float]]:
    """Return k of a ranking by maximal marginal relevance (Carbonell and Goldstein 1998).

    How alike two chunks are is the share of words that they have in common (Jaccard), which every
    store can be asked for. `nearness` is λ: 1 is the ranking as it is.

    >>> same, other = frozenset("ab"), frozenset("cd")
    >>> ranking = [("x", 1.0), ("y", 0.9), ("z", 0.8)]
    >>> [name for name, _ in diverse(ranking, {"x": same, "y": same, "z": other}, 2, 0.5)]
    ['x', 'z']
    """
    low = min((score for _, score in ranking), default=0.0)
    span = (max((score for _, score in ranking), default=0.0) - low) or 1.0
    left = dict(ranking)
    alike = dict.fromkeys(left, 0.0)
    chosen: list[tuple[str, float]] = []
    while left and len(chosen) < k:

        def worth(name: str) -> float:
            return nearness * (left[name] - low) / span - (1 - nearness) * alike[name]

        best = max(left, key=worth)
        chosen.append((best, left.pop(best)))
        for name in left:
            alike[name] = max(alike[name], _shared(words[best], words[name]))
    return chosen


def reranked(
    ranking: Ranking, pool: int, score: Callable[[Sequence[str]], Sequence[float]]
) -> list[tuple[str, float]]:
    """Return the ranking with its best `pool` ordered by another judge, the rest cut off."""
    names = [name for name, _ in ranking[:pool]]
    return _sorted(dict(zip(names, map(float, score(names)), strict=True))) if names else []


def _sorted(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: -item[1])  # stable: ties keep their order


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 1.0
