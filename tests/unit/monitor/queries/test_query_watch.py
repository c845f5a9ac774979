import pytest

from mlwright.core import clock
from mlwright.monitor.hours import keep
from mlwright.monitor.queries.watch import QueryWatch, watch_of
from mlwright.monitor.watch import MONTH

from .conftest import NOON
from .test_query_check import usual

HOUR = 3600.0


@pytest.fixture
def watching(answering, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON + HOUR)
    return watch_of(answering.workspace, "help", HOUR)


def test_it_looks_each_hour_and_waits_until_there_are_questions_enough(answering, watching):
    begin = NOON // HOUR * HOUR
    answering.ask(usual(100), at=begin - HOUR)
    answering.ask(usual(20), at=begin + 60)
    answering.ask(usual(40), at=begin + HOUR + 60)
    assert watching.step(begin + 30).rows == 100
    assert watching.step(begin + 30) is None
    few = watching.step(begin + HOUR + 30)
    assert (few.rows, few.verdict) == (20, "not_enough_data")
    both = watching.step(begin + 2 * HOUR + 30)
    assert (both.rows, both.verdict) == (60, "ok")


def test_the_error_rate_is_that_of_the_stream(answering, watching):
    assert isinstance(watching, QueryWatch)
    assert watching.policy.drift_threshold == pytest.approx(0.001)
    often = watch_of(answering.workspace, "help", 60.0)
    assert often.policy.drift_threshold == pytest.approx(60 / MONTH)


def test_no_hours_are_counted_and_no_line_of_the_log_is_rewritten(answering, monkeypatch):
    answering.ask(usual(60))
    later = clock.now() + 30 * 86_400
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (keep(answering.workspace, "help").compacted, len([*answering.log.iterdir()])) == (0, 1)
