import os

import numpy as np
import pytest

from mlwright.core import clock
from mlwright.monitor.check import check
from mlwright.monitor.hours import keep, span
from mlwright.profile.make import profile

from .conftest import NOON, SIGNATURE, draw

HOUR = NOON // 3600 * 3600


def fill(production, hours, *, rows=200, seed=0):
    for place, hour in enumerate(hours):
        production.answer(draw(rows, seed + place), at=HOUR + hour * 3600.0 + 1)
    for path in production.log.glob("predictions-*"):
        os.utime(path, (clock.now() - 9000,) * 2)


def test_hours_add_up_to_the_profile_of_all_rows(production):
    fill(production, range(4))
    keep(production.workspace, "production")
    found = span(production.workspace, "production", since=HOUR, until=HOUR + 4 * 3600)
    parts = [draw(200, place) for place in range(4)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole = profile(columns, SIGNATURE, like=production.bundle.profile)
    assert found.profile.columns == whole.columns
    assert [hour.rows for hour in found.hours] == [200] * 4
    assert found.profile.score.rows == 800


def test_profiles_stay_when_the_log_is_gone_and_count_once(production):
    fill(production, range(3))
    keep(production.workspace, "production")
    again = keep(production.workspace, "production", keep_days=0)
    assert again.removed == 3
    assert not list(production.log.glob("predictions-*"))
    found = span(production.workspace, "production", since=HOUR, until=HOUR + 7200)
    assert found.profile.rows == 400


def test_a_kill_before_the_mark_counts_nothing_twice(production):
    fill(production, range(2))
    keep(production.workspace, "production")
    for mark in production.log.parent.glob("profiles/*/*.done"):
        mark.unlink()
    keep(production.workspace, "production")
    found = span(production.workspace, "production", since=HOUR, until=HOUR + 7200)
    assert found.profile.rows == 400


def test_segments_are_counted_by_themselves(production):
    fill(production, range(2))
    keep(production.workspace, "production", segment="<script>")
    rows = [
        span(
            production.workspace,
            "production",
            since=HOUR,
            until=HOUR + 7200,
            segment=f"<script>={value}",
        ).profile.rows
        for value in "ab"
    ]
    assert sum(rows) == 400
    assert min(rows) > 150


def test_a_tenth_of_the_usual_rows_is_said(production):
    week = 7 * 24
    fill(production, [-4 * week, -3 * week, -2 * week, -week], rows=1000)
    keep(production.workspace, "production")
    production.answer(draw(100, 9), at=HOUR + 1.0)
    found = check(production.workspace, "production", since=HOUR, until=HOUR + 3600)
    assert [one.words for one in found.quality] == [
        "100 rows, where the same hours of other weeks had 1,000"
    ]


@pytest.mark.parametrize("rows", [950, 1050])
def test_the_usual_rows_are_not(production, rows):
    week = 7 * 24
    fill(production, [-3 * week, -2 * week, -week], rows=1000)
    keep(production.workspace, "production")
    production.answer(draw(rows, 9), at=HOUR + 1.0)
    assert check(production.workspace, "production", since=HOUR, until=HOUR + 3600).quality == ()
