"""The counts of all workers that share a folder, summed by whichever of them is asked.

Each leaves its own in a file once a second, so that a worker that dies takes a second of counts
with it and no more; sums never fall, as what counts increases must not. What the dead left is put
into one file by the next worker that starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from mlwright.core.files import write_atomic

from .complaints import complain
from .metrics import Metrics, Snapshot

EVERY = 1.0
_ALIVE = 3 * EVERY  # a file that is older is of a worker that has ended, or hangs
_PAST = "metrics-past.json"
_HERE = socket.gethostname()  # a container has another one, and numbers of its own


class Fleet:
    """One worker's place among those that share its folder."""

    def __init__(
        self, folder: Path, metrics: Metrics, gauges: Callable[[], Mapping[str, float]]
    ) -> None:
        self._folder = folder
        self._own = folder / f"metrics-{os.getpid()}@{_HERE}.json"
        self._metrics = metrics
        self._gauges = gauges
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Put the dead's counts together, and leave one's own from now on."""
        with _locked(self._folder):
            self._bury()
        self._leave()

    def stop(self) -> None:
        """Leave the last counts."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()

    def text(self) -> str:
        """Return the page of all workers: one's own counts of now, the others' of a second ago."""
        total = self._metrics.snapshot(self._gauges())
        now = time.time()
        with _locked(self._folder, shared=True):
            for path in self._folder.glob("metrics-*.json"):
                if path != self._own and (found := _read(path)) is not None:
                    with contextlib.suppress(OSError):
                        total.add(found, living=now - path.stat().st_mtime < _ALIVE)
        return total.text()

    def _leave(self) -> None:
        self._write()
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._leave)

    def _write(self) -> None:
        data = msgspec.json.encode(self._metrics.snapshot(self._gauges()))
        fresh = self._own.with_suffix(".fresh")
        try:
            fresh.write_bytes(data)
            fresh.replace(self._own)  # for readers; a power loss may take it, so no waiting
        except OSError as exc:
            complain("metrics", f"the counts cannot be left for other workers: {exc.strerror}")

    def _bury(self) -> None:
        past = self._folder / _PAST
        dead = [path for path in self._folder.glob("metrics-[0-9]*.json") if _ended(path)]
        if not dead:
            return
        total = _read(past) or Snapshot()
        for path in dead:
            if (found := _read(path)) is not None:
                total.add(found, living=False)
        with contextlib.suppress(OSError):
            write_atomic(past, msgspec.json.encode(total))
            for path in dead:
                path.unlink(missing_ok=True)


def _ended(path: Path) -> bool:
    number, _, where = path.stem.partition("-")[2].partition("@")
    if where == _HERE:
        if int(number) == os.getpid():  # of one that had our number before
            return True
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
    return time.time() - path.stat().st_mtime > 60  # or the number is another process's


def _read(path: Path) -> Snapshot | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def _locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold off who moves counts from one file to another while they are summed."""
    with (folder / "metrics.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
