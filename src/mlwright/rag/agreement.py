"""Does the judge say what people say? Answers that were labelled by hand are judged again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlwright.core.errors import DataError, NotFound
from mlwright.stats.intervals import Interval, wilson

from .answer_quality import scored
from .judge import MEASURES, Judge, Judged, Unmeasured
from .records import Embedder

_GOOD = 0.5
_EXAMPLE = (
    '[{"query": "…", "answer": "…", "contexts": ["…"], "reference": "…",'
    ' "human": {"faithfulness": true}}]'
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer, and what a person says of it, from 0 to 1, by measure."""

    judged: Judged
    human: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often judge and person are on the same side of one half.

    `kappa` is agreement beyond chance (Cohen 1960), None where only one side was ever taken.
    """

    agreed: Interval | None
    kappa: float | None
    unmeasured: int

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag evaluate --human-labels --json` prints of each measure."""
        return {
            "agreed": self.agreed.to_json() if self.agreed else None,
            "kappa": None if self.kappa is None else round(self.kappa, 4),
            "unmeasured": self.unmeasured,
        }


def read_labelled(path: Path) -> list[Labelled]:
    """Read answers with a person's labels.

    Raises:
        NotFound: there is no such file.
        DataError: it is not of the form; the message has the place.
    """
    try:
        rows = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as exc:
        raise NotFound(f"{path}: there is no such file") from exc
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: is not JSON in UTF-8", hint=f"write {_EXAMPLE}") from exc
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: is not a list of answers", hint=f"write {_EXAMPLE}")
    return [_row(f"{path}: answer {place}", row) for place, row in enumerate(rows, 1)]


def _row(where: str, row: Any) -> Labelled:
    row = row if isinstance(row, dict) else {}
    texts = [row.get(name) for name in ("query", "answer")]
    contexts, human = row.get("contexts"), row.get("human")
    reference = row.get("reference") or ""
    whole = all(isinstance(each, str) and each for each in texts) and isinstance(reference, str)
    listed = isinstance(contexts, list) and all(isinstance(each, str) for each in contexts)
    if not whole or not listed or not isinstance(human, dict):
        raise DataError(
            f"{where}: has no query, answer, contexts and human", hint=f"write {_EXAMPLE}"
        )
    for name, value in human.items():
        if name not in MEASURES or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise DataError(
                f"{where}: human.{name} is no measure with a label from 0 to 1",
                hint=f"there are: {', '.join(MEASURES)}; true and false are 1 and 0",
            )
    judged = Judged(row["query"], row["answer"], tuple(contexts or ()), reference)
    return Labelled(judged, {name: float(value) for name, value in human.items()})


def measure_agreement(
    rows: Sequence[Labelled],
    *,
    judge: Judge | None = None,
    embedder: Embedder | None = None,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, Agreement]:
    """Judge labelled answers, and return by measure how often judge and person agree.

    Args:
        rows: answers with labels.
        judge: a language model; without one, the local signals judge.
        embedder: for the local signals.
        progress: is called after each answer.
    """
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    unmeasured: dict[str, int] = {}
    for row in rows:
        for name, label in row.human.items():
            found = pairs.setdefault(name, [])
            try:
                score = scored(name, row.judged, judge, embedder)
            except Unmeasured:
                unmeasured[name] = unmeasured.get(name, 0) + 1
            else:
                found.append((score >= _GOOD, label >= _GOOD))
        progress()
    return {
        name: Agreement(
            wilson(sum(one is other for one, other in found), len(found)) if found else None,
            kappa(found),
            unmeasured.get(name, 0),
        )
        for name, found in pairs.items()
    }


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Return Cohen's kappa of pairs of verdicts.

    >>> kappa([(True, True), (False, False), (True, False), (False, False)])
    0.5
    """
    if not pairs:
        return None
    n = len(pairs)
    same = sum(one is other for one, other in pairs) / n
    first, second = sum(one for one, _ in pairs) / n, sum(other for _, other in pairs) / n
    chance = first * second + (1 - first) * (1 - second)
    return None if chance >= 1 else (same - chance) / (1 - chance)
