from __future__ import annotations

from typing import Any

import pytest

from mlwright.core.errors import BundleError, ConfigError, NotFound, UnknownBackend
from mlwright.core.workspace import Workspace
from mlwright.deploy import changes, releases
from mlwright.deploy.planning import deployable, plan
from mlwright.deploy.wanted import wanted
from mlwright.testing.target import sample_bundle
from mlwright.track import models


@pytest.fixture
def trained(workspace: Workspace) -> Workspace:
    """A workspace with two versions of `tiny`."""
    for slope in (0.1, 0.2):
        models.register(workspace, "tiny", sample_bundle(workspace.bundles, slope=slope))
    return workspace


def live(workspace: Workspace, version: int, *, previous: int | None = None) -> None:
    with workspace.state.write() as connection:
        releases.save_environment(
            connection,
            "staging",
            platform="local",
            wanted="running",
            settings={"host": "127.0.0.1", "port": 8080, "workers": 1},
            version=previous,
        )
        release = changes.create(
            connection,
            "staging",
            model="tiny",
            version=version,
            replaces=previous,
            strategy="all_at_once",
            options={},
            who="ada",
        )
        changes.go_live(connection, release, "")


def test_settings_hold_where_no_flag_is_given(workspace: Workspace) -> None:
    (workspace.root / "mlwright.yaml").write_text(
        "environments:\n  staging:\n    strategy: canary\n    steps: 5,25\n    workers: 2\n"
    )
    asked = wanted(workspace.settings.environment("staging"), port=9000)
    assert (asked.strategy, asked.steps, asked.workers) == ("canary", (5.0, 25.0, 100.0), 2)
    assert (asked.port, asked.port_flag, asked.guards) == (
        9000,
        9000,
        {"error_rate": "1%", "p95": "+10%"},
    )


@pytest.mark.parametrize(
    ("choices", "strategy", "steps"),
    [
        ({}, "all_at_once", (100.0,)),
        ({"strategy": "canary"}, "canary", (10.0, 100.0)),
        ({"canary_percentage": 20}, "canary", (20.0, 100.0)),
        ({"steps": (5, 50, 100)}, "canary", (5.0, 50.0, 100.0)),
    ],
)
def test_a_share_asks_for_a_canary(
    workspace: Workspace, choices: dict[str, Any], strategy: str, steps: tuple[float, ...]
) -> None:
    asked = wanted(workspace.settings.environment("staging"), **choices)
    assert (asked.strategy, asked.steps) == (strategy, steps)


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        (
            {"steps": (25, 5)},
            ConfigError,
            "the steps 25, 5 are not percentages that grow from above 0 to 100",
        ),
        (
            {"canary_percentage": 0},
            ConfigError,
            "a canary percentage of 0: choose more than 0 and less than 100",
        ),
        (
            {"strategy": "all_at_once", "canary_percentage": 10},
            ConfigError,
            "all-at-once has no use for a canary percentage",
        ),
        (
            {"strategy": "canary", "guards": {}},
            ConfigError,
            "a canary rollout needs at least one guard",
        ),
        ({"workers": 0}, ConfigError, "0 workers: choose 1 to 64"),
        ({"port": 70_000}, ConfigError, "70000 is not a port"),
        (
            {"strategy": "canari"},
            UnknownBackend,
            "no strategy named 'canari'; did you mean 'canary'?",
        ),
        ({"platform": "locl"}, UnknownBackend, "no target named 'locl'; did you mean 'local'?"),
    ],
)
def test_what_cannot_be_wanted(
    workspace: Workspace, choices: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        wanted(workspace.settings.environment("staging"), **{"strategy": "canary", **choices})
    assert str(caught.value) == message


def test_a_first_deployment_has_nothing_to_compare_with(trained: Workspace) -> None:
    planned = plan(trained, "tiny:1", "staging", strategy="canary", port=8080)
    assert planned.text() == (
        "tiny:1 in staging:\n+ environment staging on 127.0.0.1:8080 (local)\n+ 1 worker of tiny:1"
    )
    assert planned.to_json()["strategy"] == "all_at_once"
    with trained.state.read() as connection:
        assert releases.environment_names(connection) == []


def test_a_canary_is_planned_as_a_diff(trained: Workspace) -> None:
    models.register(trained, "tiny", sample_bundle(trained.bundles, slope=0.3))
    live(trained, 2, previous=1)
    planned = plan(trained, "tiny:3", "staging", strategy="canary", workers=2)
    assert planned.text() == (
        "tiny:3 in staging:\n"
        "+ 2 workers of tiny:3\n"
        "~ workers a version: 1 → 2\n"
        "~ traffic: tiny:2 → tiny:3, canary, 10% → 100%\n"
        "- warm workers of tiny:1, once tiny:3 is live"
    )


def test_what_answers_already_changes_nothing(trained: Workspace) -> None:
    live(trained, 2)
    assert plan(trained, "tiny:2", "staging").text() == "tiny:2 in staging:\n  no change"


def test_only_what_is_registered_and_whole_is_deployed(trained: Workspace) -> None:
    with pytest.raises(NotFound, match="no model named 'tini'"):
        deployable(trained, "tini")
    loose = sample_bundle(trained.root / "elsewhere", slope=0.9)
    with pytest.raises(ConfigError) as caught:
        deployable(trained, str(loose.path))
    assert str(caught.value) == (f"the bundle {loose.path} is not registered in this workspace")
    (models.resolve(trained, "tiny:1").bundle / "card.md").write_text("other")
    with pytest.raises(BundleError, match=r"card\.md"):
        deployable(trained, "tiny:1")


@pytest.mark.parametrize(
    ("choices", "steps"),
    [
        ({"strategy": "blue_green"}, (100.0,)),
        ({"strategy": "blue_green", "canary_percentage": 20}, (20.0, 100.0)),
        ({"strategy": "rolling", "workers": 4}, (25.0, 50.0, 75.0, 100.0)),
        ({"strategy": "linear"}, (*(float(share) for share in range(10, 100, 10)), 100.0)),
        ({"strategy": "shadow"}, (100.0,)),
        ({"strategy": "ab", "canary_percentage": 30}, (30.0, 100.0)),
        ({"strategy": "ab"}, (50.0, 100.0)),
    ],
)
def test_each_strategy_has_its_steps(
    workspace: Workspace, choices: dict[str, Any], steps: tuple[float, ...]
) -> None:
    assert wanted(workspace.settings.environment("staging"), **choices).steps == steps


def test_the_number_of_workers_stays_unless_one_is_asked_for(workspace: Workspace) -> None:
    settings = workspace.settings.environment("staging")
    assert wanted(settings, running={"workers": 3}).workers == 3
    assert wanted(settings, running={"workers": 3}, workers=2).workers == 2


def test_one_environment_comes_before_another(trained: Workspace) -> None:
    (trained.root / "mlwright.yaml").write_text(
        "environments:\n  production: {first: staging}\n  a: {first: b}\n  b: {first: a}\n"
    )
    planned = plan(trained, "tiny:2", "production")
    assert planned.text().splitlines()[-1] == (
        "~ environment staging: tiny:2 goes live there first"
    )
    with pytest.raises(ConfigError) as caught:
        plan(trained, "tiny:2", "a")
    assert str(caught.value) == "environments wait for each other: a → b → a"


@pytest.mark.parametrize(
    ("written", "flag", "running", "bounds", "workers"),
    [
        ("", None, {}, None, 1),
        ("", "min=2,max=4", {}, (2, 4), 2),
        ("auto_scaling: {min: 1, max: 3}", None, {}, (1, 3), 1),
        ("auto_scaling: 'min=1,max=3'", "false", {"workers": 2}, None, 2),
        ("", None, {"workers": 3, "auto_scaling": {"min": 1, "max": 4}}, (1, 4), 3),
        ("workers: 1", None, {"workers": 3, "auto_scaling": {"min": 1, "max": 4}}, (1, 4), 3),
        ("", "min=1,max=2", {"workers": 3}, (1, 2), 2),
    ],
)
def test_workers_stay_within_the_bounds_of_auto_scaling(
    workspace: Workspace,
    written: str,
    flag: str | None,
    running: dict[str, Any],
    bounds: tuple[int, int] | None,
    workers: int,
) -> None:
    text = f"environments: {{staging: {{{written}}}}}" if ":" in written else ""
    (workspace.root / "mlwright.yaml").write_text(text)
    settings = workspace.settings.environment("staging")
    asked = wanted(settings, running=running, auto_scaling=flag)
    found = asked.auto_scaling and (asked.auto_scaling.min, asked.auto_scaling.max)
    assert (found, asked.workers) == (bounds, workers)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("min=3,max=2", "auto-scaling 'min=3,max=2': min=3 is more than max=2"),
        ("4", "auto-scaling '4': is neither true, false nor bounds"),
        ("max=99", "auto-scaling 'max=99': max: Input should be less than or equal to 64"),
    ],
)
def test_auto_scaling_that_cannot_be_read_is_explained(
    workspace: Workspace, flag: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        wanted(workspace.settings.environment("staging"), auto_scaling=flag)
    assert str(caught.value) == message
    assert caught.value.hint == "write --auto-scaling min=1,max=4"


def test_a_plan_says_that_workers_will_follow_their_work(trained: Workspace) -> None:
    first = plan(trained, "tiny:1", "staging", auto_scaling="min=2,max=4")
    assert first.create[-1] == "2 workers of tiny:1, 2 to 4 workers a version by load"
    assert first.change == ()
    live(trained, 1)
    planned = plan(trained, "tiny:1", "staging", auto_scaling="min=1,max=4")
    assert planned.change == ("auto-scaling: off → 1 to 4 workers a version",)


def test_a_guard_on_labels_is_of_the_models_kind(trained: Workspace) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(trained, "tiny:1", "staging", guards={"mae": "+5%"})
    assert str(caught.value) == "mae=+5%: tiny:1 is a binary model, which has none"
    assert caught.value.hint == "write accuracy=-1%"


def test_an_environment_that_runs_stays_on_its_platform(trained: Workspace) -> None:
    live(trained, 1)
    assert plan(trained, "tiny:2", "staging").wanted.platform == "local"
    for choices in ({"platform": "docker"}, {}):
        with pytest.raises(ConfigError) as caught:
            plan(trained, "tiny:2", "staging", **choices)
        assert (str(caught.value), caught.value.hint) == (
            "staging runs on the platform local, not on docker",
            "mlwright stop staging first, to move it",
        )
        (trained.root / "mlwright.yaml").write_text(
            "environments:\n  staging:\n    platform: docker\n"
        )
        trained.__dict__.pop("settings", None)
