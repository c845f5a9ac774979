"""Tells whoever reads a worker's stderr what goes wrong, without drowning them in it."""

from __future__ import annotations

import contextlib
import sys
import time

_EVERY = 1.0
_said: dict[str, float] = {}


def complain(kind: str, text: str) -> None:
    """Write a line to stderr, at most one a second of each kind; a full disk there is no error."""
    now = time.monotonic()
    if now - _said.get(kind, -_EVERY) < _EVERY:
        return
    _said[kind] = now
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def place_of(exc: BaseException) -> str:
    """Return where it was raised. Its message is not for the log: it may hold values of a row."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"
