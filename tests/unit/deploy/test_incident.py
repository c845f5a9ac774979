from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright.deploy.incident import collect, kinds, render
from mlwright.deploy.incident_page import page
from mlwright.deploy.releases import Event, Release

GUARD = {
    "guard": "error_rate",
    "limit": "1%",
    "champion": {"requests": 900, "bad_requests": 9},
    "candidate": {"requests": 100, "bad_requests": 20},
    "e_value": 12345.6,
    "threshold": 200.0,
    "worse": True,
}


@pytest.fixture
def facts(a_release: Callable[..., Release]) -> dict[str, Any]:
    reason = "error_rate=1%: 20 of 100 (20.0%) bad on the candidate"
    release = a_release(
        state="rolled_back", reason=reason, evidence={"alpha": 0.01, "guards": [GUARD]}
    )
    events = [
        Event(1, 0.0, "production", 5, "pending", {"strategy": "canary"}),
        Event(2, 5.0, "production", 5, "shift", {"weight": 0.1, "evidence": {"guards": []}}),
        Event(3, 60.0, "production", 5, "rolled_back", {"reason": reason}),
        Event(4, 61.0, "production", 5, "settled", {}),
    ]
    return collect(
        release, events, old={"threshold": 0.4, "runtime": "onnx"}, new={"threshold": 0.5}
    )


def test_the_report_tells_what_happened(facts: dict[str, Any]) -> None:
    text = render(facts)
    for line in (
        "# Incident: churn:2 rolled back in production",
        "churn:2 was given a share of traffic at 1970-01-01T00:00:05Z by ada and taken back at "
        "1970-01-01T00:01:00Z. churn:1 answers everything again.",
        "**Affected**: 100 requests went to churn:2; 20 of them failed there and were answered "
        "by churn:1 instead.",
        "- 1970-01-01T00:00:05Z shift: weight 10%",
        "| error_rate=1% | 9 of 900 | 20 of 100 | 12,345.6 | 200 |",
        "- runtime: onnx → None",
        "- threshold: 0.4 → 0.5",
    ):
        assert line in text.splitlines()


def test_the_time_line_leaves_out_what_is_said_elsewhere(facts: dict[str, Any]) -> None:
    assert [entry["what"] for entry in facts["timeline"]] == ["pending", "shift", "rolled_back"]
    assert facts["timeline"][1]["detail"] == {"weight": 0.1}


def test_without_a_guard_on_errors_nothing_is_claimed(
    a_release: Callable[..., Release],
) -> None:
    slow = {**GUARD, "guard": "p95", "limit": "500ms"}
    release = a_release(evidence={"guards": [slow]}, reason="p95")
    text = render(collect(release, [], old={"version": 1}, new={"version": 1}))
    assert "100 requests went to churn:2; failures were not counted by a guard." in text
    assert "Nothing that the bundles know of." in text


def test_the_page_has_the_same_facts_and_draws_the_evidence(facts: dict[str, Any]) -> None:
    history = [
        {"units": 10.0 * i, "time": 5.0 + i, "log10_e": 0.1 * i, "log10_promotion_e": 0.0}
        for i in range(40)
    ]
    guard = {**facts["guards"][0], "history": history, "limit": "<1%>", "verdict": "too many"}
    html = page({**facts, "guards": [guard], "errors": [{"kind": "<b>ValueError", "count": 3}]})
    assert "<h1>Incident: churn:2 rolled back in production</h1>" in html
    assert html.count("<svg") == 2
    assert "&lt;b&gt;ValueError" in html
    assert "<b>ValueError" not in html


def test_kinds_of_errors_are_counted_and_hold_what_the_workers_said(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    log.write_text(
        "churn:2 failed on a request: ValueError at model.py:3\n" * 3
        + "churn:1 failed on a request: KeyError at model.py:4\n"
    )
    assert kinds(log, "churn:2") == [
        {"kind": "churn:2 failed on a request: ValueError at model.py:3", "count": 3}
    ]
    assert kinds(tmp_path / "none", "churn:2") == []
