"""How many workers a rate of requests needs, from what those that run were measured to bear."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Final

from mlwright.core.errors import ConfigError, GateFailed
from mlwright.core.workspace import Workspace

from .loadtest import LoadTest
from .status import status

SPARE: Final = 0.2  # of what a worker bears is kept for worse minutes than the measured ones


@dataclass(frozen=True, slots=True)
class Size:
    """`workers` for `rate` requests a second; each was measured to bear `per_worker` of them."""

    environment: str
    rate: float
    objective: str
    measured_workers: int
    per_worker: float
    workers: int
    notices: tuple[str, ...]

    @property
    def setting(self) -> str:
        """What to write into `mlwright.yaml`."""
        return f"environments:\n  {self.environment}:\n    workers: {self.workers}"

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys."""
        return {
            "rate": self.rate,
            "slo": self.objective,
            "measured_workers": self.measured_workers,
            "per_worker": round(self.per_worker, 1),
            "spare": SPARE,
            "workers": self.workers,
            "notices": list(self.notices),
        }


def running_workers(workspace: Workspace | None, environment: str | None) -> int:
    """Return how many workers answer in an environment.

    Raises:
        ConfigError: the endpoint is no environment of this workspace, or none answers.
    """
    if workspace is not None and environment is not None:
        for version in status(workspace, environment).versions:
            if version.state == "answering" and version.workers:
                return version.workers
    raise ConfigError(
        "how many workers answer there is not known: a size is measured of an environment that "
        "this workspace runs",
        hint="mlwright status shows the environments",
    )


def size(
    found: LoadTest,
    rate: float,
    *,
    environment: str,
    workers: int,
    processors: int | None = None,
) -> Size:
    """Return how many workers bear a rate, if each bears as much as each of those measured.

    Raises:
        GateFailed: no rate at all was borne.
    """
    if found.best is None or found.objective is None:
        raise GateFailed(
            f"{environment} keeps its objective at no rate, so no number of workers would do",
            hint="a faster model, or another objective",
        )
    processors = processors or os.cpu_count() or 1
    per_worker = found.best.rate / workers
    wanted = math.ceil(rate / (per_worker * (1 - SPARE)))
    notices = []
    if wanted > processors:
        notices.append(
            f"this machine has {processors} processors: {wanted} workers that compute bear less "
            "here than the sum of what each bears"
        )
    if wanted != workers:
        notices.append(
            f"measured with {workers} worker{'s' * (workers > 1)}; measure again with {wanted}"
        )
    return Size(
        environment, rate, found.objective.text, workers, per_worker, wanted, tuple(notices)
    )
