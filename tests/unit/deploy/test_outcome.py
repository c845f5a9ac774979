from __future__ import annotations

import json
from typing import Any

import pytest

from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, outcome, releases
from mlwright.deploy.outcome import settle
from mlwright.deploy.releases import Release
from mlwright.testing.target import sample_bundle
from mlwright.track import models

GUARD = {
    "guard": "error_rate",
    "limit": "1%",
    "champion": {"requests": 900, "bad_requests": 0},
    "candidate": {"requests": 100, "bad_requests": 20},
    "e_value": 1e6,
    "threshold": 200.0,
    "worse": True,
    "verdict": "error_rate=1%: 20 of 100 (20.0%) bad on the candidate",
}


def ended(workspace: Workspace, name: str, version: int, *, guard: bool | None) -> Release:
    """A release that went live (no guard), or that a guard or a person took back."""
    with workspace.state.write() as connection:
        releases.save_environment(
            connection, name, platform="local", wanted="running", settings={}, model="tiny"
        )
        made = changes.create(
            connection,
            name,
            model="tiny",
            version=version,
            replaces=1,
            strategy="canary",
            options={},
            who="ada",
        )
        if guard is None:
            changes.go_live(connection, made, "")
        else:
            evidence: dict[str, Any] = {"guards": [{**GUARD, "worse": guard}]}
            releases.save_release(connection, made, evidence=evidence)
            releases.record(connection, made, "rollback", reason="", evidence=evidence)
            changes.end(connection, made, "rolled_back", "worse")
        return releases.release(connection, made.id)


def settled(workspace: Workspace, release: Release) -> dict[str, Any]:
    settle(workspace, release)
    settle(workspace, release)
    with workspace.state.read() as connection:
        events = releases.events_of(connection, release)
    (detail,) = [event.detail for event in events if event.what == "settled"]
    return detail


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """A workspace with two versions of `tiny`."""
    for slope in (0.1, 0.2):
        models.register(workspace, "tiny", sample_bundle(workspace.bundles, slope=slope))
    return workspace


@pytest.mark.parametrize(("name", "champion"), [("production", "tiny:2"), ("staging", "tiny:1")])
def test_the_alias_follows_the_environment_that_holds_it(
    two: Workspace, name: str, champion: str
) -> None:
    assert settled(two, ended(two, name, 2, guard=None)) == {}
    assert str(models.champion(two, "tiny")) == champion


def test_a_guards_rollback_is_reported_and_told_once(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "_PATIENCE", None)
    detail = settled(two, ended(two, "production", 2, guard=True))
    folder = two.environment("production") / "incidents"
    assert detail == {"incident": str(folder / "release-1.md"), "alert": "sent"}
    facts = json.loads((folder / "release-1.json").read_text())
    assert facts["versions"]["new"]["parameter slope"] == 0.2
    assert (two.root / "alerts.txt").read_text().count("Release Rolled Back") == 1
    assert str(models.champion(two, "tiny")) == "tiny:1"


def test_a_damaged_bundle_is_no_reason_for_no_report(two: Workspace) -> None:
    release = ended(two, "production", 2, guard=True)
    (models.resolve(two, "tiny:2").bundle / "card.md").write_text("other")
    settle(two, release)
    facts = json.loads((two.environment("production") / "incidents/release-1.json").read_text())
    assert "card.md" in facts["versions"]["new"]["bundle"]


def test_a_persons_rollback_is_no_incident(two: Workspace) -> None:
    assert settled(two, ended(two, "production", 2, guard=False)) == {}
    assert not (two.environment("production") / "incidents").exists()


def test_what_cannot_follow_is_written_down(
    two: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = settled(two, ended(two, "production", 9, guard=None))
    assert detail["error"].startswith("NotFound: model 'tiny' has no version")
    assert "NotFound" in capsys.readouterr().err
