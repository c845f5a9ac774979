"""A release that is rolling, and outcomes of made-up traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from mlwright.deploy.releases import Release
from mlwright.predictions.lines import Outcome

GUARDS = {"error_rate": "1%", "p95": "500ms"}


def make_release(**changes: Any) -> Release:
    values: dict[str, Any] = {
        "id": 5,
        "environment": "production",
        "model": "churn",
        "version": 2,
        "replaces": 1,
        "strategy": "canary",
        "options": {"steps": [10.0, 100.0], "guards": GUARDS, "salt": "s"},
        "state": "rolling",
        "step": 0,
        "step_since": 0.0,
        "weight": 0.1,
        "evidence": {},
        "reason": "",
        "request": None,
        "who": "ada",
        "created": 0.0,
        "updated": 0.0,
    }
    return Release(**{**values, **changes})


def make_traffic(
    rng: np.random.Generator,
    *,
    champion: float,
    candidate: float,
    weight: Callable[[], float],
    keys: int | None = None,
) -> Iterator[list[Outcome]]:
    """Batches of 100 requests; with `keys`, assignment sticks to unequally busy users."""
    places = rng.random(keys or 1)
    busy = rng.pareto(1.5, keys or 1) + 0.1
    failing = rng.beta(0.3, 0.7, keys or 1) / 0.3
    time = 0.0
    while True:
        batch = []
        share = weight()
        users = rng.choice(keys or 1, 100, p=busy / busy.sum())
        for user in users:
            time += 1.0
            on_candidate = bool((places[user] if keys else rng.random()) < share)
            rate = (candidate if on_candidate else champion) * (failing[user] if keys else 1.0)
            key = f"k{user}" if keys else None
            ok = bool(rng.random() >= rate)
            batch.append(Outcome(time, 5, key, on_candidate, ok, 20.0, share))
        yield batch


@pytest.fixture
def a_release() -> Callable[..., Release]:
    return make_release


@pytest.fixture
def traffic() -> Callable[..., Iterator[list[Outcome]]]:
    return make_traffic
