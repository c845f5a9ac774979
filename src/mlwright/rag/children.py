"""Child processes that read files which may be hostile: bounded in time and in memory."""

from __future__ import annotations

import contextlib
import json
import queue
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from mlwright.core.errors import DataError, MissingExtra
from mlwright.rag.records import Parts, Section

MOST_MEMORY = 4 << 30
_PIECE = 1 << 16
_MOST_ANSWER = 1 << 30


class Unlucky(DataError):
    """A reader was ended before it was done; the next may have better luck."""


class Children:
    """A few readers, started when they are needed; one that hangs or dies costs its file alone."""

    def __init__(self, most: int, timeout: float, *, memory: int = MOST_MEMORY) -> None:
        self._timeout = timeout
        self._memory = memory
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        for _ in range(most):
            self._idle.put(None)
        self._most = most

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in range(self._most):
            with contextlib.suppress(queue.Empty):
                _end(self._idle.get(timeout=self._timeout))

    def load(self, loader: str, path: Path) -> tuple[Parts, str | None]:
        """Return what a loader finds in a file, and the language of it.

        Raises:
            DataError: the file cannot be read.
            Unlucky: its reader took too long, or crashed.
            MissingExtra: the loader's package is not installed.
        """
        child = self._idle.get()
        try:
            if child is None or child.poll() is not None:
                child = _start(self._memory)
            answer = _ask(child, {"loader": loader, "path": str(path)}, self._timeout)
        except TimeoutError:
            _end(child)
            child = None
            raise Unlucky(f"was not read within {self._timeout:g} s") from None
        except (EOFError, OSError):
            _end(child)
            child = None
            raise Unlucky("crashes its reader") from None
        except BaseException:
            _end(child)
            child = None
            raise
        finally:
            self._idle.put(child)
        return _understood(answer)


def _start(memory: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlwright.rag.reader", str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )


def _end(child: subprocess.Popen[bytes] | None) -> None:
    if child is None:
        return
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            stream.close()


def _ask(child: subprocess.Popen[bytes], question: dict[str, str], timeout: float) -> Any:
    from time import monotonic

    assert child.stdin  # noqa: S101  # it was opened with pipes
    assert child.stdout  # noqa: S101
    child.stdin.write(json.dumps(question).encode() + b"\n")
    until = monotonic() + timeout
    pieces: list[bytes] = []
    size = 0
    while not pieces or not pieces[-1].endswith(b"\n"):
        left = until - monotonic()
        if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
            raise TimeoutError
        piece = child.stdout.read(_PIECE)
        if not piece:
            raise EOFError
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_ANSWER:
            raise EOFError
    return json.loads(b"".join(pieces))


def _understood(answer: dict[str, Any]) -> tuple[Parts, str | None]:
    if "missing" in answer:
        raise MissingExtra(answer["missing"], hint=answer["hint"])
    if "reason" in answer:
        raise DataError(answer["reason"])
    sections = tuple(Section(tuple(s[0]), s[1], s[2], s[3]) for s in answer["sections"])
    parts = Parts(answer["text"], answer["title"], sections, answer["metadata"])
    return parts, answer["language"]
