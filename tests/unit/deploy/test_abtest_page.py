from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlwright.deploy.abtest import Report
from mlwright.deploy.abtest_page import page
from mlwright.deploy.experiment import Row, compare, segments
from mlwright.deploy.releases import Release

GUARD = {"guard": "error_rate", "limit": "1%", "verdict": "no worse", "worse": False}


def found(release: Release, *, gain: float = 0.08, mismatch: bool = False) -> Report:
    rng = np.random.default_rng(1)
    rows = []
    for unit in range(2_000):
        second = bool(rng.random() < 0.5)
        right = rng.random() < 0.75 + gain * second
        plan = (("plan", "gold" if unit % 3 else "<basic>"),)
        values = {"accuracy": (float(right), 1.0), "latency": (rng.exponential(5), 1.0)}
        rows.append(Row(f"u{unit}", second, values, plan))
    metrics = ("accuracy", "latency")
    split: dict[str, Any] = {"units": 2_000, "candidate": 998, "expected": 1_000.0}
    split |= {"e_value": 0.4, "threshold": 5_000.0, "mismatch": mismatch}
    compared = compare(rows, metrics, ended=False, tuned_at=2_000)
    parts = segments(rows, metrics, ended=False, tuned_at=2_000)
    winner = "b" if compared[0].better and not mismatch else None
    return Report(
        release, "running", 2.5, 7.0, 2_000, tuple(compared), tuple(parts), (GUARD,), split, winner,
        ("sold",),
    )  # fmt: skip


@pytest.fixture
def tested(a_release: Callable[..., Release]) -> Release:
    about = {"a": "churn:1", "b": "churn:2", "metrics": ["accuracy"], "days": 7}
    return a_release(strategy="ab", options={"abtest": about})


def test_a_page_says_who_wins_and_that_the_split_is_right(tested: Release) -> None:
    shown = page(found(tested))
    for words in (
        "<h1>Experiment in production: churn:1 against churn:2</h1>",
        "Winner: B.",
        "B gets its share: no sample-ratio mismatch.",
        "accuracy: B is better.",
        "latency: no difference shown.",
        "plan = &lt;basic&gt;",
        "error_rate=1%",
        "not enough data",
    ):
        assert words in shown
    assert "<basic>" not in shown


def test_nobody_wins_where_the_split_is_wrong(tested: Release) -> None:
    shown = page(found(tested, mismatch=True))
    assert "Nothing can be concluded: the split is wrong (see below)." in shown
    assert "Sample-ratio mismatch: B did not get its share" in shown
    assert "Winner" not in shown
