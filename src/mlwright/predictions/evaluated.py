"""The questions that an index was last evaluated with, kept to compare with what is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mlwright.core.files import write_json
from mlwright.core.workspace import Workspace, checked_name


def keep(workspace: Workspace, index: str, questions: Sequence[str]) -> None:
    """Keep the questions' words in place of those of an earlier evaluation."""
    write_json(_path(workspace, index), list(questions))


def kept(workspace: Workspace, index: str) -> list[str]:
    """Return the questions of the newest evaluation; none where there was none."""
    try:
        found = json.loads(_path(workspace, index).read_bytes())
    except FileNotFoundError:
        return []
    return [str(text) for text in found]


def _path(workspace: Workspace, index: str) -> Path:
    return workspace.folder / "rag" / "evaluated" / f"{checked_name(index, 'index')}.json"
