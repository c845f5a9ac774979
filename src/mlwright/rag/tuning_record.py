"""What a search measured, line by line in a file, so that it can be ended and gone on with.

.mlwright/rag/tune/KEY.jsonl    KEY names documents, questions and embedder: others, another file
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlwright.core.workspace import Workspace

from .loaders import VERSION
from .parts import Making
from .questions import TestQuestion
from .tuning_choice import Row, Rows
from .tuning_corpus import Corpus
from .tuning_space import Candidate


class Record:
    """The measured candidates of one search."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, Rows] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read(path.read_text("utf-8").splitlines())

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        corpus: Corpus,
        asked: Sequence[TestQuestion],
        making: Making,
    ) -> Record:
        """Open the record of a search over these documents and questions."""
        questions = [[each.text, dict(each.relevant)] for each in asked]
        embedder = making.embedder.name if making.embedder else None
        parts = json.dumps([VERSION, corpus.prints, questions, embedder], sort_keys=True)
        key = hashlib.sha256(parts.encode()).hexdigest()[:32]
        return cls(workspace.folder / "rag" / "tune" / f"{key}.jsonl")

    def __contains__(self, candidate: Candidate) -> bool:
        return _name(candidate) in self._rows

    def __getitem__(self, candidate: Candidate) -> Rows:
        return self._rows[_name(candidate)]

    def keep(self, candidate: Candidate, rows: Mapping[str, Row]) -> None:
        """Add what was measured."""
        line = {
            "candidate": candidate.to_json(),
            "rows": {
                name: [row.quality, row.recall, row.tokens, row.milliseconds]
                for name, row in rows.items()
            },
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._rows[_name(candidate)] = rows

    def _read(self, lines: Sequence[str]) -> None:
        for line in lines:
            try:
                value: dict[str, Any] = json.loads(line)
                rows = {
                    name: Row(quality, tuple(found), tuple(tokens), taken)
                    for name, (quality, found, tokens, taken) in value["rows"].items()
                }
            except (ValueError, KeyError, TypeError):
                continue  # a kill leaves half a line
            self._rows[json.dumps(value["candidate"], sort_keys=True)] = rows


def _name(candidate: Candidate) -> str:
    return json.dumps(candidate.to_json(), sort_keys=True)
