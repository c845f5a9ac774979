"""Measure a built index on test questions, alone or against another way of finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mlwright.core.errors import DataError
from mlwright.core.workspace import Workspace
from mlwright.predictions import evaluated
from mlwright.stats.intervals import Interval

from .answer import Answerer, Question
from .config import read_config
from .config_finding import Retrieval
from .evaluate import Evaluation, Finds, compare, evaluate, labels_name, ways_to_name
from .find import Finder
from .hosting import open_answerer
from .index import Index
from .progress import Progress
from .questions import TestQuestion
from .records import Hit

_LISTED = 3
_STRATEGIES = get_args(Retrieval.model_fields["strategy"].annotation)


@dataclass(frozen=True, slots=True)
class Measured:
    """An index's evaluation, and by how much it is better than another, where one was named."""

    index: str
    evaluation: Evaluation
    against: str = ""
    comparison: Mapping[str, Interval] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `rag evaluate --json` prints."""
        told = {"index": self.index} | self.evaluation.to_json()
        if self.comparison is not None:
            gaps = {
                name: gap.to_json() | {"within_noise": gap.low <= 0 <= gap.high}
                for name, gap in self.comparison.items()
            }
            told["comparison"] = {"against": self.against, "differences": gaps}
        return told


def measure_index(
    workspace: Workspace,
    questions: Sequence[TestQuestion],
    *,
    config: Path | None = None,
    ref: str | None = None,
    k: int = 5,
    against: str | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Measured:
    """Ask an index every question; what monitoring compares questions with are these from now on.

    Args:
        workspace: where the index is.
        questions: with labels.
        config: whose `retrieval` is used in place of the index's own.
        ref: which index, by default the configuration's.
        k: how many hits count.
        against: another strategy on this index, or another index.
        seed: of the bootstrap.
        say: takes a line of progress now and then.

    Raises:
        NotFound: there is no such index.
        DataError: no question could be measured.
    """
    said = read_config(config)
    index = Index.open(workspace, ref or said.name or "kb")
    settings = said.retrieval if config else index.config.retrieval
    by = labels_name(questions, index.get)
    check_labels(index, questions, by, say)

    def run(which: Index, how: Retrieval) -> Evaluation:
        progress = Progress(f"asking {which}", len(questions), "questions", say)
        used = (said if config else which.config).model_copy(update={"retrieval": how})
        finder: Finds = (
            _Phrased(open_answerer(workspace, which, used), how.k)
            if how.phrasings
            else Finder.open(workspace, which, how)
        )
        return evaluate(finder, questions, k=k, by=by, seed=seed, progress=lambda _: progress.add())

    found = run(index, settings)
    evaluated.keep(workspace, index.name, [each.text for each in questions])
    if against is None:
        return Measured(str(index), found)
    if against in _STRATEGIES:
        other = run(index, settings.model_copy(update={"strategy": against}))
    else:
        second = Index.open(workspace, against)
        other = run(second, second.config.retrieval)
    return Measured(str(index), found, against, compare(found, other, seed=seed))


def check_labels(
    index: Index, questions: Sequence[TestQuestion], by: str, say: Callable[[str], None]
) -> None:
    """Say which labels name nothing in the index: what they want counts as not found.

    Raises:
        DataError: none of them names anything.
    """
    labels = {label for each in questions for label, grade in each.relevant.items() if grade > 0}
    if by == "chunk":
        strange = labels - {chunk.id for chunk in index.get(sorted(labels))}
    else:
        rows = [row for row in index.documents() if "skipped" not in row]
        strange = labels.difference(*(ways_to_name(row["id"], row["source"]) for row in rows))
    if not strange:
        return
    listed = ", ".join(sorted(strange)[:_LISTED]) + ", …" * (len(strange) > _LISTED)
    if strange == labels:
        raise DataError(
            f"no label of the questions names a {by} of {index}: {listed}",
            hint="label them by the sources that `mlwright rag query --retrieval-only` shows",
        )
    say(
        f"{len(strange)} of {len(labels)} labels name no {by} of {index}, and count as not found: "
        f"{listed}"
    )


class _Phrased:
    """Finds as answers do where a language model puts each question in other words too."""

    def __init__(self, answerer: Answerer, k: int) -> None:
        self._answerer, self._k = answerer, k

    def find(self, query: str, k: int | None = None, where: Any = None) -> list[Hit]:
        """Return the best hits."""
        return list(self._answerer.retrieved(Question(query, k or self._k, where)).hits)
