"""Workers that follow their work, under traffic that keeps count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlwright.core.workspace import Workspace
from mlwright.deploy import processes, release
from mlwright.deploy.history import history_of


def workers(workspace: Workspace) -> int:
    return release.status(workspace, "production").versions[0].workers


@pytest.mark.timeout(120)
def test_workers_follow_their_work_and_no_request_is_lost(
    workspace: Workspace, publish: Callable[..., int], traffic: Any
) -> None:
    publish(slow=True)
    url = release.deploy(workspace, "tiny:1", "production", auto_scaling="min=1,max=2").url
    with traffic(url, connections=24) as load:
        assert processes.wait_until(lambda: workers(workspace) == 2, 30)
        grown = release.status(workspace, "production")
        seen = len(load.answers)
        assert processes.wait_until(lambda: len(load.answers) > seen + 200, 30)
        # Fewer again, at once, as nobody waits for a calm minute here.
        release.deploy(workspace, "tiny:1", "production", auto_scaling="min=1,max=1")
        assert processes.wait_until(lambda: workers(workspace) == 1, 30)
        seen = len(load.answers)
        assert processes.wait_until(lambda: len(load.answers) > seen + 50, 30)
    assert load.failures == []
    assert {answer.status for answer in load.answers} == {200}
    assert grown.auto_scaling == {"min": 1, "max": 2, "workers": 2}
    assert "1 → 2 workers: " in grown.scaled
    scaled = [each for each in history_of(workspace, "production") if each["what"] == "scaled"]
    assert [each["who"] for each in scaled] == ["the supervisor"]
    assert scaled[0]["why"].startswith("1 → 2 workers: ")
