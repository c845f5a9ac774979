"""The life of an environment with real processes and real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlwright.core.errors import UserError
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.track import models

QUICK: dict[str, Any] = {
    "strategy": "canary",
    "canary_percentage": 50,
    "guards": {"error_rate": "5%", "p95": "1s"},
    "timeout": 60,
}


def test_a_first_version_goes_live_and_stop_leaves_nothing(
    workspace: Workspace, publish: Callable[..., int], left: Callable[[], list[str]]
) -> None:
    publish()
    said: list[str] = []
    status = release.deploy(workspace, "tiny:1", "production", strategy="canary", say=said.append)
    assert status.outcome == "live"
    assert [(v.version, v.weight, v.state) for v in status.versions] == [(1, 1.0, "answering")]
    assert said == [
        "release 1: tiny:1 in production, all_at_once",
        "tiny:1 starting",
        "tiny:1 testing",
        "tiny:1 live: passed its tests",
    ]
    assert len(left()) == 2
    assert release.stop(workspace, "production").outcome == "stopped"
    assert left() == []


def test_the_same_call_twice_is_one_effect(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    first = release.deploy(workspace, "tiny:1", "staging")
    assert release.deploy(workspace, "tiny:1", "staging") == first


def test_a_canary_is_promoted_by_its_guards_and_rolled_back_by_a_person(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production", workers=2).url
    publish(slope=0.2)
    with traffic(url) as load:
        status = release.deploy(workspace, "tiny:2", "production", **QUICK)
        assert (status.outcome, status.reason) == (
            "live",
            "no worse than the champion on every guard",
        )
        assert str(models.champion(workspace, "tiny")) == "tiny:2"
        guard = status.to_json()["rollout"]["evidence"]["guards"][0]
        assert guard["promotion_e_value"] >= guard["promotion_threshold"] == 100
        assert guard["champion"]["requests"] > 20
        back = release.rollback(workspace, "production")
        with pytest.raises(UserError, match="was rolled back to tiny:1 before"):
            release.rollback(workspace, "production")
        assert [(v.version, v.state) for v in back.versions] == [(1, "answering"), (2, "warm")]
        assert str(models.champion(workspace, "tiny")) == "tiny:1"
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}
    assert {answer.version for answer in load.answers} == {"1", "2"}


def test_a_broken_canary_is_rolled_back_with_a_report_and_no_request_is_lost(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish()
    url = release.deploy(workspace, "tiny:1", "production").url
    publish(broken=True)
    with traffic(url) as load:
        status = release.deploy(
            workspace, "tiny:2", "production", strategy="canary", canary_percentage=10, timeout=60
        )
    assert status.outcome == "rolled_back"
    assert status.reason.startswith("error_rate=1%: ")
    assert [(v.version, v.weight, v.state) for v in status.versions] == [(1, 1.0, "answering")]
    assert str(models.champion(workspace, "tiny")) == "tiny:1"
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}
    report = status.incident
    assert report is not None
    assert report.read_text().startswith("# Incident: tiny:2 rolled back in production\n")
    facts = json.loads(report.with_suffix(".json").read_text())
    assert facts["affected"]["failed"] >= 3
    assert "Release Rolled Back" in (workspace.root / "alerts.txt").read_text()


def test_a_failing_smoke_test_leaves_the_old_version_alone(
    workspace: Workspace, publish: Callable[..., int]
) -> None:
    publish()
    release.deploy(workspace, "tiny:1", "production")
    publish(lying=True)
    status = release.deploy(workspace, "tiny:2", "production", strategy="all_at_once")
    assert (status.outcome, status.reason) == (
        "failed",
        "the smoke test got other predictions than the bundle holds for 2 of 2 sample rows, "
        "the first of them row 0",
    )
    assert [(v.version, v.state) for v in status.versions] == [(1, "answering")]
