import os
import random
import shutil

import numpy as np
import pytest

from mlwright.core import clock
from mlwright.monitor import hours
from mlwright.monitor.check import check
from mlwright.monitor.hours import keep
from mlwright.monitor.live import live
from mlwright.monitor.period import period
from mlwright.predictions import truths as kept_truths
from mlwright.profile.make import profile
from mlwright.track.models import register

from .conftest import NOON, SIGNATURE, draw, truths

HOUR = NOON // 3600 * 3600


def age(production, seconds=9000.0):
    for path in production.log.glob("predictions-*"):
        os.utime(path, (clock.now() - seconds,) * 2)


def fill(production, places, *, rows=200, seed=0):
    for place, hour in enumerate(places):
        production.answer(draw(rows, seed + place), at=HOUR + hour * 3600.0 + 1)
    age(production)


def of(production, first, last):
    since, until = HOUR + first * 3600, HOUR + last * 3600
    return period(live(production.workspace, "production"), since=since, until=until)


def settings(production, **monitor):
    lines = [f"  {name}: {value}" for name, value in monitor.items()]
    (production.workspace.root / "mlwright.yaml").write_text("\n".join(["monitor:", *lines]))
    production.workspace = type(production.workspace)(production.workspace.root)


def test_hours_add_up_to_the_profile_of_all_rows(production):
    fill(production, range(4))
    keep(production.workspace, "production")
    found = of(production, 0, 4)
    assert not found.rest.table.height
    parts = [draw(200, place) for place in range(4)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole = profile(columns, SIGNATURE, like=production.bundle.profile)
    assert found.seen().profile.columns == whole.columns
    assert found.total.score.rows == found.rows == 800
    assert len(found.kept) == 4


def test_kept_hours_in_any_order_and_rows_not_kept_give_the_same_numbers(production, monkeypatch):
    fill(production, range(6))
    raw = of(production, 0, 6).total
    keep(production.workspace, "production")
    sums = [of(production, 0, 6).total]
    listed = hours._files
    monkeypatch.setattr(
        hours, "_files", lambda folder: random.Random(1).sample(list(listed(folder)), 6)
    )
    sums.append(of(production, 0, 6).total)
    for mark in sorted(production.log.parent.glob("profiles/*.done"))[::2]:
        mark.unlink()  # half of the hours are counted from the log again
    sums.append(of(production, 0, 6).total)
    assert all(found == raw for found in sums)


def test_profiles_stay_when_the_log_is_gone_and_count_once(production):
    fill(production, range(3))
    keep(production.workspace, "production")
    age(production, 8 * 86_400.0)
    settings(production, keep_days=7)
    assert keep(production.workspace, "production").removed == 3
    assert not list(production.log.glob("predictions-*"))
    assert of(production, 0, 2).rows == 400


def test_no_file_goes_before_it_is_counted(production, monkeypatch):
    fill(production, range(2))
    age(production, 8 * 86_400.0)
    settings(production, keep_days=7)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hours, "pack", die)
        with pytest.raises(KeyboardInterrupt):
            keep(production.workspace, "production")
    assert len(list(production.log.glob("predictions-*"))) == 2
    assert keep(production.workspace, "production").removed == 2
    assert of(production, 0, 2).rows == 400


def test_labelled_rows_outlive_the_log(production):
    ids, scores = production.answer(draw(200, 1), at=HOUR)
    production.label(ids[:60], truths(scores[:60]))
    before = kept_truths.read(production.log)
    age(production, 8 * 86_400.0)
    settings(production, keep_days=7)
    now = clock.now()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: HOUR + 20 * 86_400.0)
        for path in production.log.glob("*.jsonl"):
            os.utime(path, (HOUR + 100,) * 2)
        keep(production.workspace, "production")
        assert not list(production.log.glob("predictions-*"))
        after = kept_truths.read(production.log)
        assert after.equals(before)
        assert after.height == 60
        patched.setattr(clock, "now", lambda: HOUR + 100 * 86_400.0)  # retraining learns from 90
        keep(production.workspace, "production")
        assert kept_truths.read(production.log).height == 0
    assert clock.now() >= now


def test_a_kill_before_the_mark_counts_nothing_twice(production):
    fill(production, range(2))
    keep(production.workspace, "production")
    for mark in production.log.parent.glob("profiles/*.done"):
        mark.unlink()
    assert of(production, 0, 2).rows == 400
    keep(production.workspace, "production")
    assert of(production, 0, 2).rows == 400


def test_segments_are_counted_by_themselves(production):
    settings(production, segment="<script>")
    fill(production, range(2))
    keep(production.workspace, "production")
    span = {"since": HOUR, "until": HOUR + 7200}
    rows = [
        sum(p.rows for p in hours.parts(production.log, segment=f"<script>={value}", **span))
        for value in "ab"
    ]
    assert sum(rows) == 400
    assert min(rows) > 150


def test_each_version_is_counted_on_its_own_edges(production):
    register(production.workspace, "churn", production.bundle)
    production.answer(draw(100, 1), at=HOUR)
    production.answer(draw(50, 2), at=HOUR + 600, version=2, route="candidate")
    production.answer(draw(25, 3), at=HOUR + 900, version=9)
    age(production)
    keep(production.workspace, "production")
    found = of(production, 0, 1)
    assert (found.rows, found.others) == (100, 50)
    assert found.left_out == {
        "rows of other versions": 50,
        "rows of versions that are not registered": 25,
    }


def test_what_a_file_left_out_is_said_when_it_is_gone(production):
    production.answer(draw(100, 1), at=HOUR)
    (segment,) = production.log.glob("predictions-*")
    text = segment.read_bytes()
    segment.write_bytes(text + text.splitlines(keepends=True)[0] + b'{"torn')
    age(production)
    keep(production.workspace, "production")
    assert of(production, 0, 1).left_out == {"damaged lines": 1, "repeated request ids": 1}


def test_a_check_beside_another_that_keeps_does_not_wait(production):
    fill(production, range(1))
    with production.workspace.lock("keep production", "keeping the log"):
        assert keep(production.workspace, "production").compacted == 0


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


def test_a_log_that_is_not_there_is_a_period_without_rows(production):
    shutil.rmtree(production.log, ignore_errors=True)
    keep(production.workspace, "production")
    assert of(production, 0, 24).rows == 0
