import math

import pytest

from mlwright.core.errors import ConfigError
from mlwright.deploy.loadtest import (
    LoadTest,
    Objective,
    Step,
    check_bounds,
    objective,
    search,
)
from mlwright.deploy.loadtest_page import page
from mlwright.serve.sending import Load


def load(latency: float, *, count: int = 100, failed: int = 0) -> Load:
    made = Load(seconds=1.0)
    for _ in range(count):
        made.latencies.add(latency)
    made.failures["timeout"] += failed
    return made


@pytest.mark.parametrize(
    ("text", "percent", "seconds"),
    [("p95=500ms", 95.0, 0.5), ("p99.9=2s", 99.9, 2.0), (" p50 = 1.5ms ", 50.0, 0.0015)],
)
def test_an_objective_is_a_percentile_and_a_time(text, percent, seconds):
    found = objective(text)
    assert (found.percent, found.seconds) == (percent, seconds)


@pytest.mark.parametrize("text", ["p95", "p95=500", "error_rate=1%", "p0=1s", "p101=1s", "p95=0ms"])
def test_what_is_no_objective(text):
    with pytest.raises(ConfigError) as raised:
        objective(text)
    assert str(raised.value) == f"{text!r} is no objective"
    assert raised.value.hint == "write a percentile, as p95=500ms"


def test_failures_keep_no_objective():
    wanted = Objective("p95=500ms", 95, 0.5)
    assert wanted.met(load(0.4))
    assert not wanted.met(load(0.6))
    assert not wanted.met(load(0.4, failed=1))
    assert wanted.met(load(0.4, count=2000, failed=2))


@pytest.mark.parametrize("border", [3.0, 70.0, 1000.0, 12_345.0])
@pytest.mark.parametrize("capacity", [50.0, 1000.0])
def test_the_search_ends_near_the_border(border, capacity):
    steps = search(lambda rate: Step(rate, Load(), rate <= border), capacity)
    best = max(step.rate for step in steps if step.met)
    assert best <= border <= best * 1.06
    assert len(steps) <= 16


def test_a_server_that_bears_nothing_is_not_asked_for_ever():
    steps = search(lambda rate: Step(rate, Load(), False), 1000.0)
    assert len(steps) == 10
    assert steps[-1].rate < 2


def test_a_load_that_would_not_end_soon_is_refused():
    with pytest.raises(ConfigError) as raised:
        check_bounds(1e6, 60)
    assert str(raised.value) == (
        "1e+06 requests/s for 60 s are more than 5,000,000 requests or 60 minutes"
    )
    with pytest.raises(ConfigError):
        check_bounds(1, 4000)
    check_bounds(50, 3600)


def found(*, searched: bool, met: bool | None = True) -> LoadTest:
    wanted = None if met is None else Objective("p95=500ms", 95, 0.5)
    steps = (Step(100, load(0.2), met), Step(200, load(0.9, failed=3), False))
    best = steps[0] if met is not False else None
    notices = ("<script>",)
    return LoadTest("http://x", wanted, steps, best, searched, 32, "poisson", notices)


def test_what_machines_read():
    value = found(searched=True).to_json()
    assert (value["requests"], value["failed"], value["rate"]) == (100, 0, 100)
    assert value["throughput"] == 100.0
    assert value["latency_ms"]["p95"] == pytest.approx(200, rel=0.005)
    assert (value["met"], value["slo"], len(value["steps"])) == (True, "p95=500ms", 2)
    assert found(searched=False, met=None).to_json()["met"] is None
    assert found(searched=True, met=False).to_json()["met"] is False
    assert not found(searched=True, met=False).met
    assert math.isclose(value["steps"][1]["latency_ms"]["max"], 900)


def test_the_page_says_it_all_and_escapes():
    text = page(found(searched=True))
    assert "p95=500ms is kept up to this rate." in text
    assert "Rates that were tried" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "p95=500ms is not kept." in page(found(searched=True, met=False))
    plain = page(found(searched=False, met=None))
    assert "No objective was stated." in plain
    assert "Rates that were tried" not in plain
