from __future__ import annotations

from typing import Any

import pytest

from mlwright.deploy.releases import Event
from mlwright.deploy.waiting import describe


@pytest.mark.parametrize(
    ("what", "detail", "line"),
    [
        ("starting", {}, "churn:2 starting"),
        ("shift", {"reason": "10% of traffic to try it"}, "churn:2 gets 10% of traffic to try it"),
        ("asked", {"request": "rollback", "who": "ada"}, "ada asked for: rollback"),
        ("rolled_back", {"reason": "worse"}, "churn:2 rolled back: worse"),
        ("settled", {"incident": "a.md"}, "incident report: a.md"),
        ("settled", {"error": "E: x"}, "what follows from it failed: E: x"),
        ("settled", {}, ""),
        ("promote", {"reason": "no worse"}, ""),
    ],
)
def test_what_happens_is_said_in_a_line(what: str, detail: dict[str, Any], line: str) -> None:
    assert describe("churn:2", Event(1, 0.0, "staging", 1, what, detail)) == line
