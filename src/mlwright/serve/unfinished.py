"""The folder beside an output that a prediction for a file works in, and goes on from."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlwright.core.errors import Busy, DataError
from mlwright.core.files import sync_folder, write_json

_PROGRESS = "progress.json"


class Unfinished:
    """What is done of one task. `progress` is None where nothing of just this task is there."""

    def __init__(self, folder: Path, task: Mapping[str, Any]) -> None:
        self.folder = folder
        self._task = json.loads(json.dumps(task))
        self.progress = self._read()

    def save(self, progress: Mapping[str, Any]) -> None:
        """Note how far it is; what `progress` tells of must be on disk already."""
        write_json(self.folder / _PROGRESS, {"task": self._task, "progress": progress})

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads((self.folder / _PROGRESS).read_bytes())
            return dict(found["progress"]) if found["task"] == self._task else None
        except (OSError, ValueError, KeyError):
            return None


@contextlib.contextmanager
def unfinished(output: Path, task: Mapping[str, Any]) -> Iterator[Unfinished]:
    """Hold the folder of an output: `.NAME.predicting` beside it.

    Raises:
        Busy: another process writes that output.
        DataError: the folder cannot be made.
    """
    folder = output.with_name(f".{output.name}.predicting")
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as exc:
        raise DataError(f"{output}: cannot be written: {exc.strerror}") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"another process is writing {output}",
                hint="wait until it ends, or name another --output",
            ) from None
        found = Unfinished(folder, task)
        if found.progress is None:
            _clear(folder)
        yield found


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    sync_folder(folder)
