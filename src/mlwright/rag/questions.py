"""Read a set of questions with known answers: the seed's JSON, or a folder in BEIR's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlwright.core.errors import DataError, NotFound

_EXAMPLE = '[{"query": "What is the refund policy?", "relevant": ["refunds.md"]}]'
_MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class TestQuestion:
    """A question; `relevant` grades the sources or chunks that answer it, 1 or higher."""

    __test__ = False  # not a class of tests, whatever pytest thinks of its name

    id: str
    text: str
    relevant: Mapping[str, int] = field(default_factory=dict)
    answer: str | None = None
    category: str | None = None


def read_questions(path: Path) -> list[TestQuestion]:
    """Read test questions from a JSON or JSON Lines file, or a folder in BEIR's layout.

    Raises:
        NotFound: there is no such file.
        DataError: it is not of the form; the message has the place.
    """
    if path.is_dir():
        return _of_folder(path)
    text = _text(path)
    if path.suffix == ".jsonl":
        rows = list(_lines(path, text))
    else:
        try:
            rows = json.loads(text)
        except ValueError as exc:
            raise DataError(f"{path}: is not JSON: {exc}", hint=f"write {_EXAMPLE}") from exc
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: is not a list of questions", hint=f"write {_EXAMPLE}")
    return [_question(path, place, row) for place, row in enumerate(rows)]


def _question(path: Path, place: int, row: Any) -> TestQuestion:
    where = f"{path}: question {place + 1}"
    text = row.get("query", row.get("question")) if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{where}: has no text under 'query'", hint=f"write {_EXAMPLE}")
    relevant = row.get("relevant", row.get("relevant_docs", []))
    if isinstance(relevant, list) and all(isinstance(label, str) for label in relevant):
        relevant = dict.fromkeys(relevant, 1)
    if not _is_graded(relevant):
        raise DataError(
            f"{where}: 'relevant' is neither a list of names nor names with grades",
            hint=f"write {_EXAMPLE}",
        )
    answer = row.get("answer", row.get("ground_truth"))
    category = row.get("category")
    return TestQuestion(
        str(row.get("id", place + 1)),
        text,
        relevant,
        None if answer is None else str(answer),
        None if category is None else str(category),
    )


def _is_graded(relevant: Any) -> bool:
    return isinstance(relevant, dict) and all(
        isinstance(grade, int) and not isinstance(grade, bool) for grade in relevant.values()
    )


def _of_folder(folder: Path) -> list[TestQuestion]:
    asked = folder / "queries.jsonl"
    labels = next(
        (p for p in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if p.exists()),
        folder / "qrels.tsv",
    )
    graded: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_text(labels).splitlines(), 1):
        parts = line.split("\t")
        if number == 1 and not parts[-1].lstrip("-").isdigit():
            continue
        if len(parts) != 3 or not parts[2].lstrip("-").isdigit():
            raise DataError(f"{labels}:{number}: is not query-id, corpus-id and score, with tabs")
        graded.setdefault(parts[0], {})[parts[1]] = int(parts[2])
    answers = folder / "answers.jsonl"
    known = _answers(answers) if answers.exists() else {}
    made = []
    for row in _lines(asked, _text(asked)):
        name, text = str(row.get("_id", "")), row.get("text")
        if not name or not isinstance(text, str):
            raise DataError(f"{asked}: a line has no _id and text")
        if name in graded:
            told = known.get(name)
            made.append(TestQuestion(name, text, graded[name], told, row.get("category")))
    if not made:
        raise DataError(f"{folder}: no query of queries.jsonl has a label in {labels.name}")
    return made


def _answers(path: Path) -> dict[str, str]:
    rows = list(_lines(path, _text(path)))
    return {str(row.get("_id")): str(row["answer"]) for row in rows if row.get("answer")}


def _lines(path: Path, text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as exc:
                raise DataError(f"{path}:{number}: is not JSON") from exc
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: is not an object")
            rows.append(row)
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: is larger than {_MOST_BYTES:,} bytes")
        return path.read_text("utf-8-sig")
    except FileNotFoundError as exc:
        raise NotFound(f"{path}: there is no such file") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{path}: cannot be read as UTF-8 text") from exc
