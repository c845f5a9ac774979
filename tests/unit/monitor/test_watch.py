import os
import threading

import pytest
from sqlalchemy import select

from mlwright.alerts import open_alerts
from mlwright.core import clock
from mlwright.core.errors import Busy, ConfigError, NotFound
from mlwright.core.state import checks
from mlwright.monitor import hours
from mlwright.monitor import watch as watching
from mlwright.monitor.cursor import load
from mlwright.monitor.watch import MONTH, Watch

from .conftest import draw, truths

HOUR = 3600.0
START = 472_223 * HOUR  # a full hour


def kept(production):
    with production.workspace.state.read() as connection:
        rows = connection.execute(select(checks).order_by(checks.c.id)).mappings().all()
    return [((row["since"] - START) / HOUR, (row["until"] - START) / HOUR) for row in rows]


def watch(production, **options):
    return Watch(production.workspace, "production", HOUR, **options)


def test_each_window_is_checked_once_also_after_a_restart(production):
    for hour in range(3):
        production.answer(draw(600, hour), at=START + hour * HOUR)
    there = watch(production)
    assert there.step(START + HOUR + 10).verdict == "ok"
    assert there.step(START + HOUR + 20) is None
    assert watch(production).step(START + HOUR + 3000) is None
    assert watch(production).step(START + 2 * HOUR + 10).rows == 600
    assert kept(production) == [(0, 1), (1, 2)]


def test_what_came_while_nobody_watched_is_one_window(production):
    production.answer(draw(600, 1), at=START)
    watch(production).step(START + HOUR + 10)
    production.answer(draw(600, 2), at=START + 2 * HOUR)
    found = watch(production).step(START + 5 * HOUR + 10)
    assert found.rows == 600
    assert kept(production) == [(0, 1), (1, 5)]


def test_few_rows_wait_for_the_next_window(production):
    production.answer(draw(300, 1), at=START)
    assert watch(production).step(START + HOUR + 10).verdict == "not_enough_data"
    production.answer(draw(300, 2), at=START + HOUR)
    found = watch(production).step(START + 2 * HOUR + 10)
    assert (found.rows, found.verdict) == (600, "ok")
    production.answer(draw(600, 3), at=START + 2 * HOUR)
    assert watch(production).step(START + 3 * HOUR + 10).rows == 600


def test_a_step_that_dies_before_it_has_told_is_done_again(production, monkeypatch):
    production.answer(draw(600, 1, pay=1.0), at=START)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(watching, "tell", die)
        with pytest.raises(KeyboardInterrupt):
            watch(production).step(START + HOUR + 10)
    assert watch(production).step(START + HOUR + 60).verdict == "drift"
    assert kept(production) == [(0, 1)]
    assert [alert.kind for alert in open_alerts(production.workspace)] == ["data_drift"]


def test_an_alert_ends_with_its_condition(production):
    production.answer(draw(600, 1, pay=1.0), at=START)
    production.answer(draw(600, 2), at=START + HOUR)
    watch(production).step(START + HOUR + 10)
    assert open_alerts(production.workspace)
    watch(production).step(START + 2 * HOUR + 10)
    assert not open_alerts(production.workspace)


def test_labels_count_once_however_late_and_a_risen_loss_is_told(production, monkeypatch):
    told = START
    monkeypatch.setattr(clock, "now", lambda: told)
    production.answer(draw(600, 0), at=START - 30 * HOUR)
    ids, scores = production.answer(draw(900, 1), at=START - 20 * HOUR)
    production.label(ids, truths(scores, flip=True))
    found = watch(production).step(START + HOUR + 10)
    assert found.verdict == "degraded"
    assert found.performance.loss.metric == "log_loss"
    assert found.performance.loss.current.n == 900
    assert found.sentence.startswith("Log Loss is higher than training promised since 2023-11-")
    (alert,) = open_alerts(production.workspace)
    assert (alert.kind, alert.what) == ("performance_degradation", "Log Loss")
    evidence = load(production.workspace, "production").evidence
    again = watch(production).step(START + 2 * HOUR + 10)
    assert again.performance.loss.evidence == pytest.approx(evidence["evidence"])


def test_the_error_rate_is_that_of_the_stream(production):
    assert watch(production).policy.drift_threshold == pytest.approx(0.001)
    often = Watch(production.workspace, "production", 60.0)
    assert often.policy.drift_threshold * MONTH / 60 + MONTH / 60 / often.line == pytest.approx(1)
    seldom = Watch(production.workspace, "production", 24 * HOUR)
    assert seldom.policy.drift_threshold == 0.001


def test_a_day_that_is_over_is_reported_once(production):
    days = []
    there = watch(production, report=lambda since, until: days.append((since, until)))
    midnight = 19_677 * 86_400.0
    for hour in range(50):
        there.step(midnight - 20 * HOUR + hour * HOUR + 10)
    assert days == [(midnight - 86_400, midnight), (midnight, midnight + 86_400)]


def test_only_one_watches(production):
    stop = threading.Event()
    stop.set()
    with (
        production.workspace.lock("watch production", "watch production"),
        pytest.raises(Busy, match="watch production is held by process"),
    ):
        watch(production).run(stop, checked=print)


def test_an_interval_too_short_and_an_environment_that_is_not_there(production):
    with pytest.raises(ConfigError, match=r"a check every 0\.5 s is too often"):
        Watch(production.workspace, "production", 0.5)
    with pytest.raises(NotFound, match="no environment named 'nowhere'"):
        Watch(production.workspace, "nowhere", HOUR).run(threading.Event(), checked=print)


def test_what_each_check_is_asked_for_is_passed_on(production):
    production.answer(draw(600, 1), at=START)
    asked = watching.Asked(drift_threshold=0.05, minimum_accuracy=0.999)
    there = Watch(production.workspace, "production", HOUR, asked)
    assert there.policy.drift_threshold == 0.05
    ids, scores = production.answer(draw(600, 2), at=START + 100)
    production.label(ids, truths(scores))
    assert there.step(START + HOUR + 10).verdict == "degraded"


def test_the_hours_of_the_log_are_kept_as_the_watch_goes(production):
    production.answer(draw(600, 1), at=START)
    for path in production.log.glob("predictions-*"):
        os.utime(path, (START + 10,) * 2)
    watch(production).step(START + HOUR + 10)
    assert [part.rows for part in hours.parts(production.log, since=START, until=START + HOUR)] == [
        600
    ]
