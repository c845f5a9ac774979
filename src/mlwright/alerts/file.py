"""Alerts as lines of a file: text blocks, or JSON lines when the name ends in `.jsonl`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mlwright.core.channels import FileChannel as Settings
from mlwright.core.errors import RemoteError

from .alert import Alert


class FileChannel:
    """Appends each alert to a file in one write, so that writers never mix their lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert: Alert) -> None:
        """Append the alert.

        Raises:
            RemoteError: the file could not be written, or not wholly.
        """
        if self._path.suffix == ".jsonl":
            block = json.dumps(alert.to_json(), ensure_ascii=False) + "\n"
        else:
            block = alert.text() + "\n\n"
        try:
            written = self._append(block.encode())
        except OSError as exc:
            raise self._failed(exc.strerror or str(exc)) from exc
        if not written:
            raise self._failed("the disk took only a part")

    def _append(self, data: bytes) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            return os.write(handle, data) == len(data)
        finally:
            os.close(handle)

    def _failed(self, reason: str) -> RemoteError:
        return RemoteError(
            f"the alert was not written to {self._path}: {reason}",
            hint="make the file writable, or name another one under alerts.channels in "
            "mlwright.yaml; the alert is sent again later",
        )


def open_file_channel(settings: Settings, root: Path) -> FileChannel:
    """Return the channel of a path, which is relative to the workspace's root."""
    return FileChannel(root / settings.path)
