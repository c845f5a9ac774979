import pytest

from mlwright.core import clock
from mlwright.predictions import truths
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.segment import Segment


@pytest.fixture
def now(monkeypatch):
    """A clock that goes a second further with each look."""
    ticks = iter(range(1_700_000_000, 1_700_100_000))
    monkeypatch.setattr(clock, "now", lambda: float(next(ticks)))


def answer(folder, *ids, route="champion", at=100.0):
    segment = Segment(folder, "predictions")
    segment.append(
        [
            line(Prediction(at + i, name, None, "m", 1, {"x": 1.0}, "Yes", 0.5, 1.0, route))
            for i, name in enumerate(ids)
        ]
    )
    segment.close()


def told(folder):
    return dict(truths.read(folder).select("request_id", "label").iter_rows())


def test_rows_are_joined_with_their_labels_kept_or_not(tmp_path, now):
    answer(tmp_path, "a", "b", "c")
    add(tmp_path, [("a", "Yes")])
    assert told(tmp_path) == {"a": "Yes"}
    assert truths.keep(tmp_path) == 1
    assert truths.keep(tmp_path) == 0
    add(tmp_path, [("c", "No")])
    assert told(tmp_path) == {"a": "Yes", "c": "No"}
    assert truths.keep(tmp_path) == 1
    assert told(tmp_path) == {"a": "Yes", "c": "No"}


def test_a_label_that_is_told_again_counts_in_the_place_of_the_first(tmp_path, now):
    answer(tmp_path, "a")
    add(tmp_path, [("a", "Yes")])
    truths.keep(tmp_path)
    add(tmp_path, [("a", "No")])
    assert told(tmp_path) == {"a": "No"}
    truths.keep(tmp_path)
    assert told(tmp_path) == {"a": "No"}


def test_kept_rows_need_no_log(tmp_path, now):
    answer(tmp_path, "a", "b")
    add(tmp_path, [("a", "Yes")])
    truths.keep(tmp_path)
    for path in tmp_path.glob("predictions-*"):
        path.unlink()
    rows = truths.read(tmp_path, since=100, until=101)
    assert rows["features.x"].to_list() == [1.0]
    assert truths.read(tmp_path, since=101).height == 0


def test_what_a_candidate_answered_too_late_is_not_judged(tmp_path, now):
    answer(tmp_path, "a", route="fallback")
    answer(tmp_path, "a", route="candidate", at=101.0)
    add(tmp_path, [("a", "Yes")])
    assert truths.read(tmp_path)["route"].to_list() == ["fallback"]


def test_many_files_become_one_and_old_rows_are_forgotten(tmp_path, now, monkeypatch):
    monkeypatch.setattr(truths, "_MOST_FILES", 3)
    answer(tmp_path, *map(str, range(6)))
    for number in range(6):
        add(tmp_path, [(str(number), "Yes")])
        truths.keep(tmp_path)
    assert len(list(tmp_path.glob("labelled-*"))) <= 3
    assert len(told(tmp_path)) == 6
    for path in tmp_path.glob("predictions-*"):
        path.unlink()
    truths.forget(tmp_path, before=103.0)
    assert sorted(told(tmp_path)) == ["3", "4", "5"]


def test_a_copy_that_was_not_finished_is_none(tmp_path, now):
    answer(tmp_path, "a")
    add(tmp_path, [("a", "Yes")])
    (tmp_path / "labelled-1.0-1.part").write_bytes(b"PAR1")
    assert truths.keep(tmp_path) == 1
    assert told(tmp_path) == {"a": "Yes"}


def test_without_labels_or_a_log_there_is_nothing(tmp_path):
    assert truths.keep(tmp_path) == 0
    assert truths.read(tmp_path).height == 0
    truths.forget(tmp_path, before=1e12)
