"""The fitted model that a compiled one stands for: kept for whole tables, and to explain.

It is not among a bundle's requirements. Where its package is not installed, or in another version
than the one it was compared in, tables go the compiled way.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle import manifest
from mlwright.bundle.calibration import Calibration, calibrated
from mlwright.bundle.packages import exact
from mlwright.bundle.plan import Floats
from mlwright.bundle.runtimes import RUNTIMES, Runtime
from mlwright.bundle.sources import Source
from mlwright.core.errors import MissingExtra, MlwrightError

KEPT = ("lightgbm", "xgboost")
"""The originals worth their bytes. Scikit-learn's trees are slower in it at any number of rows."""

COUNTS = (1, 32, 1000)
_MARGIN = 0.8
_SECONDS = 0.004


class Original:
    """A model that is loaded when it is asked for. Safe to call from several threads.

    Args:
        load: what loads it; raises `MissingExtra`.
        calibration: what its scores are turned into.
        for_tables: whether it scores whole tables faster than the compiled model.
        rows_from: how many rows of requests together it scores faster; None: it never does.
    """

    def __init__(
        self,
        load: Callable[[], Runtime],
        *,
        calibration: Calibration | None = None,
        for_tables: bool = False,
        rows_from: int | None = None,
    ) -> None:
        self._load = load
        self._calibration = calibration
        self._for_tables = for_tables
        self._rows_from = math.inf if rows_from is None else rows_from
        self._lock = threading.Lock()
        self._loaded: Runtime | None = None
        self._for_rows: Runtime | None = None

    def runtime(self) -> Runtime:
        """Return the model, before calibration.

        Raises:
            MissingExtra: its package is not installed.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def for_tables(self) -> Runtime | None:
        """Return the model as it scores tables, where it is the faster one and can be had."""
        if not self._for_tables:
            return None
        try:
            return calibrated(self.runtime(), self._calibration)
        except MissingExtra:
            self._for_tables = False
            return None

    def for_rows(self, count: int) -> Runtime | None:
        """Return the model for so many rows of requests, where it is the faster one and loaded.

        The first time it would be, a thread begins to load it: no request waits for that, and a
        server that never gets so many rows together is spared the library and its memory.
        """
        if count < self._rows_from:
            return None
        if self._for_rows is None:
            self._rows_from, wanted = math.inf, self._rows_from
            threading.Thread(target=self._get_ready, args=(wanted,), name="mlwright-load").start()
            return None
        return self._for_rows

    def _get_ready(self, rows_from: float) -> None:
        with contextlib.suppress(MlwrightError):  # then the compiled one goes on
            self._for_rows = calibrated(self.runtime(), self._calibration)
            self._rows_from = rows_from


def facts(source: Source) -> dict[str, Any]:
    """Return what a bundle's manifest says of the original that it keeps."""
    packages = [exact(name) for name in source.packages]
    return {"runtime": source.runtime, "file": source.file, "requirements": packages}


def kept(
    folder: Path, about: Mapping[str, Any], data: bytes, calibration: Calibration | None
) -> Original:
    """Return the original that a bundle keeps.

    Args:
        folder: the bundle's.
        about: what `facts` gave.
        data: the original's file.
        calibration: what its scores are turned into.
    """
    runtime = str(about["runtime"])
    known = _measurement(folder)
    can = known.get("tables") == runtime and _installed(about["requirements"])
    return Original(
        lambda: RUNTIMES.load(runtime)(data),
        calibration=calibration,
        for_tables=can,
        rows_from=rows_from(known, runtime) if can else None,
    )


def _measurement(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / manifest.MEASURED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}  # not measured: the compiled one


def rows_from(known: Mapping[str, Any], original: str) -> int | None:
    """Return from how many rows the original takes less than four fifths of the compiled's time.

    Between the measured numbers of rows the time of a call is taken to grow evenly.
    """
    counts = np.arange(1, COUNTS[-1] + 1)
    try:
        times = {
            name: np.interp(counts, COUNTS, [float(each[str(count)]) for count in COUNTS])
            for name, each in known["microseconds"].items()
        }
        own = times.pop(original)
        (compiled,) = times.values()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    faster = own < _MARGIN * compiled
    return int(counts[~faster].max(initial=0)) + 1 if faster[-1] else None


def _installed(requirements: list[str]) -> bool:
    try:
        return all(exact(each.partition("==")[0]) == each for each in requirements)
    except PackageNotFoundError:
        return False


def measured(runtimes: Mapping[str, Runtime], matrix: Floats) -> dict[str, Any]:
    """Return how long each of two runtimes takes, and which one is for whole tables.

    The first is the compiled one, and stays it for tables unless the second takes less than four
    fifths of its time for 1,000 rows. Each call scores other rows: the processor learns the way of
    a row that comes again and again through the trees, and would seem three times as fast.

    Args:
        runtimes: name -> runtime, the compiled one first.
        matrix: real rows, encoded.
    """
    rows = matrix[np.arange(max(len(matrix), COUNTS[-1])) % len(matrix)]
    times = {
        name: {str(count): round(_microseconds(runtime, rows, count), 1) for count in COUNTS}
        for name, runtime in runtimes.items()
    }
    compiled, original = times
    most = str(COUNTS[-1])
    faster = times[original][most] < _MARGIN * times[compiled][most]
    return {"tables": original if faster else compiled, "microseconds": times}


def _microseconds(runtime: Runtime, rows: Floats, count: int) -> float:
    """Return the processor's time for a call, the best of three rounds."""
    starts = range(0, len(rows) - count + 1, count)
    parts = itertools.cycle([rows[start : start + count] for start in starts])
    runtime.scores(next(parts))
    best = float("inf")
    for _ in range(3):
        began, taken, calls = time.thread_time(), 0.0, 0
        while taken < _SECONDS:
            runtime.scores(next(parts))
            taken, calls = time.thread_time() - began, calls + 1
        best = min(best, taken / calls)
    return best * 1e6
