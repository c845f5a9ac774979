"""The contract of a target: subclass `TargetContract`, override `target`, run pytest.

class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, place): return LocalTarget(place)
"""

# ruff: noqa: S101 - a contract suite asserts

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.errors import GateFailed
from mlwright.core.signature import Column, Signature
from mlwright.deploy.processes import listen
from mlwright.deploy.targets import Place, Prepares, Split, Target
from mlwright.profile.make import profile
from mlwright.serve.client import Client

from .contract import Contract

_SECONDS = 30.0


def sample_bundle(bundles: Path, *, slope: float = 0.1) -> Bundle:
    """Write a tiny model, P(Yes) = 1 / (1 + exp(-slope x)), with two sample rows."""
    signature = Signature((Column("x", "number"),), "binary", "y", ("No", "Yes"))
    columns = {"x": np.linspace(-10.0, 10.0, 50)}
    return write(
        Draft(
            name="tiny",
            signature=signature,
            plan=Plan((NumberStep("x", 0.0),)),
            source=LinearSource(np.array([slope]), 0.0, "logistic"),
            algorithm="linear",
            profile=profile(columns, signature),
            card="# tiny",
            check_columns=columns,
            samples=[{"x": -3.0}, {"x": 4.5}],
            threshold=0.5,
            params={"slope": slope},
        ),
        bundles,
    )


class TargetContract(Contract):
    """What every target must do."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        """Yield an environment's place with a free port."""
        with listen("127.0.0.1", 0) as listener:
            yield Place("staging", "tiny", tmp_path / "staging", listener)

    @pytest.fixture
    def target(self, place: Place) -> Target:
        """Return a target that runs nothing yet."""
        raise NotImplementedError("override this fixture to return the target of a place")

    @pytest.fixture
    def run(self, target: Target, place: Place, tmp_path: Path) -> Iterator[_Run]:
        """Yield a driver of the target, and delete everything afterwards."""
        started = _Run(target, place, tmp_path / "bundles")
        yield started
        started.do(target.delete())
        started.close()

    def test_one_version_answers(self, run: _Run) -> None:
        """The first version answers everything."""
        run.start(1)
        assert set(run.answers(20)) == {"1"}

    def test_apply_again_changes_nothing(self, run: _Run) -> None:
        """Applying what runs starts and ends nothing."""
        run.start(1)
        before = run.target.status()
        run.do(run.target.apply({1: run.bundles[1]}))
        assert run.target.status() == before
        assert before[1].deaths == 0

    def test_a_version_without_traffic_passes_its_check(self, run: _Run) -> None:
        """A candidate is tested before it answers anybody."""
        run.start(1, 2)
        run.do(run.target.check(2))
        assert set(run.answers(20)) == {"1"}

    def test_a_version_that_is_not_ready_fails_its_check(self, run: _Run) -> None:
        """What does not answer yet does not pass."""
        run.start(1)
        run.do(run.target.apply({1: run.bundles[1], 2: run.bundle(2)}))
        with pytest.raises(GateFailed):
            run.do(run.target.check(2))

    def test_split_is_within_tolerance_and_sticky(self, run: _Run) -> None:
        """The share is kept, and a key stays with its version."""
        run.start(1, 2)
        run.do(run.target.split(Split(1, 2, 0.3, release=7, salt="s")))
        keys = [f"customer-{i}" for i in range(400)]
        first, again = run.answers(400, keys), run.answers(400, keys)
        assert first == again
        assert 0.2 < first.count("2") / 400 < 0.4  # 4 standard deviations: 0.092

    def test_outcomes_are_observed_once(self, run: _Run) -> None:
        """Every request of a rollout has one outcome, of the arm that it was sent to."""
        run.start(1, 2)
        run.do(run.target.split(Split(1, 2, 0.5, release=7, salt="s")))
        answered = run.answers(100)
        outcomes = run.target.observe(7)
        assert len(outcomes) == 100
        assert sum(outcome.candidate for outcome in outcomes) == answered.count("2")
        assert all(outcome.ok and outcome.weight == 0.5 for outcome in outcomes)
        assert run.target.observe(7) == []

    def test_a_switch_moves_every_request(self, run: _Run) -> None:
        """After a switch only the new version answers, on old connections too."""
        run.start(1, 2)
        run.do(run.target.split(Split(2)))
        run.do(run.target.split(Split(2)))
        assert set(run.answers(50)) == {"2"}

    def test_what_is_not_wanted_ends(self, run: _Run) -> None:
        """A version that is no longer applied is gone, and nobody notices."""
        run.start(1, 2)
        run.do(run.target.split(Split(2)))
        run.do(run.target.apply({2: run.bundles[2]}))
        assert set(run.target.status()) == {2}
        assert set(run.answers(20)) == {"2"}

    def test_delete_ends_everything_and_may_be_repeated(self, run: _Run) -> None:
        """Nothing is left, and deleting nothing is no error."""
        run.start(1)
        for _ in range(2):
            run.do(run.target.delete())
        assert run.target.status() == {}


class _Run:
    """A loop of its own that drives a target from a plain test."""

    def __init__(self, target: Target, place: Place, bundles: Path) -> None:
        assert place.listener is not None
        self.target = target
        self.bundles: dict[int, Path] = {}
        self._folder = bundles
        self._runner = asyncio.Runner()
        port = place.listener.getsockname()[1]
        self._client = Client(f"http://127.0.0.1:{port}")

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.do(self._client.close())
        self._runner.close()

    def bundle(self, version: int) -> Path:
        self.bundles[version] = sample_bundle(self._folder, slope=0.1 * version).path
        return self.bundles[version]

    def start(self, *versions: int) -> None:
        """Start versions; the first one answers."""
        wanted = {version: self.bundle(version) for version in versions}
        if isinstance(self.target, Prepares):
            for version, bundle in wanted.items():
                self.target.make(version, bundle)
        until = time.monotonic() + _SECONDS
        while True:
            self.do(self.target.apply(wanted))
            if all(found.ready == found.workers for found in self.target.status().values()):
                break
            assert time.monotonic() < until, self.target.status()
            time.sleep(0.05)
        self.do(self.target.split(Split(versions[0])))

    def answers(self, n: int, keys: list[str] | None = None) -> list[str]:
        """Send n requests and return which version answered each."""
        return [self.do(self._one({"x-routing-key": keys[i]} if keys else {})) for i in range(n)]

    async def _one(self, headers: dict[str, str]) -> str:
        body = json.dumps({"records": [{"x": 1.0}]}).encode()
        response = await self._client.request("POST", "/predict", body, headers)
        assert response.status == 200, response
        return response.headers["x-model-version"]
