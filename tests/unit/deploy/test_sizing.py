from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError, GateFailed
from mlwright.core.workspace import Workspace
from mlwright.deploy.loadtest import LoadTest, Objective, Step
from mlwright.deploy.sizing import running_workers, size
from mlwright.serve.sending import Load


def measured(rate: float | None) -> LoadTest:
    steps = (Step(rate or 1.0, Load(), rate is not None),)
    best = steps[0] if rate else None
    objective = Objective("p95=50ms", 95, 0.05)
    return LoadTest("http://127.0.0.1:1", objective, steps, best, True, 32, "poisson", ())


def test_workers_are_counted_with_a_fifth_to_spare() -> None:
    found = size(measured(400.0), 1_000, environment="production", workers=2, processors=8)
    assert (found.per_worker, found.workers) == (200.0, 7)  # 6.25 of 160 each
    assert found.setting == "environments:\n  production:\n    workers: 7"
    assert found.notices == ("measured with 2 workers; measure again with 7",)


def test_a_machine_with_fewer_processors_is_named() -> None:
    found = size(measured(100.0), 200, environment="production", workers=1, processors=2)
    assert found.workers == 3
    assert found.notices == (
        "this machine has 2 processors: 3 workers that compute bear less here than the sum of what "
        "each bears",
        "measured with 1 worker; measure again with 3",
    )


def test_what_is_borne_at_no_rate_has_no_size() -> None:
    with pytest.raises(GateFailed) as caught:
        size(measured(None), 200, environment="production", workers=1)
    assert str(caught.value) == (
        "production keeps its objective at no rate, so no number of workers would do"
    )


def test_a_size_is_of_an_environment(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="how many workers answer there is not known"):
        running_workers(workspace, None)
