"""Reads the outcomes of a rollout as they are written."""

from __future__ import annotations

from pathlib import Path

from .lines import Outcome
from .tail import Tail

STEM = "outcomes"


class OutcomeReader:
    """Follows all outcome files of an environment and gives each outcome of a release once.

    A new reader begins at the beginning, so that whoever restarts counts the same again.
    """

    def __init__(self, folder: Path, release: int) -> None:
        self._release = release
        self._tail = Tail(folder, STEM, Outcome)

    @property
    def skipped(self) -> int:
        """Return how many lines were damaged."""
        return self._tail.skipped

    def new(self) -> list[Outcome]:
        """Return what was written since the last call, by time; half a line waits for its end."""
        found = [each for each in self._tail.new() if each.release == self._release]
        return sorted(found, key=lambda outcome: outcome.time)
