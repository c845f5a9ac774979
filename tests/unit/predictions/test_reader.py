from __future__ import annotations

import os

import polars as pl
import pytest

from mlwright.predictions import reader
from mlwright.predictions.compact import compact
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.reader import read

FEATURES = {"tenure": 3, "<script>": None, "contract": "y"}


def row(place: int, **changes) -> bytes:
    fields = {
        "time": float(place),
        "request_id": f"r{place}",
        "key": None,
        "model": "churn",
        "version": 1,
        "features": FEATURES,
        "prediction": "Yes",
        "score": 0.5,
        "latency_ms": 1.0,
        "route": "champion",
    }
    return line(Prediction(**{**fields, **changes}))


def put(folder, name: str, *lines: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"predictions-{name}.jsonl").write_bytes(b"".join(lines))


def test_no_log_is_an_empty_window(tmp_path):
    window = read(tmp_path / "nothing")
    assert (window.table.height, window.skipped) == (0, 0)
    assert window.table.schema["score"] == pl.Float64


def test_files_are_joined_by_time_and_features_prefixed(tmp_path):
    put(tmp_path, "2", row(1), row(3))
    put(tmp_path, "1", row(2))
    table = read(tmp_path).table
    assert table["request_id"].to_list() == ["r1", "r2", "r3"]
    assert table.columns[-3:] == ["features.tenure", "features.<script>", "features.contract"]
    assert table.row(0, named=True) == {
        "time": 1.0,
        "request_id": "r1",
        "key": None,
        "model": "churn",
        "version": 1,
        "prediction": "Yes",
        "score": 0.5,
        "latency_ms": 1.0,
        "route": "champion",
        "features.tenure": 3,
        "features.<script>": None,
        "features.contract": "y",
    }


def test_the_window_takes_since_and_leaves_until(tmp_path):
    put(tmp_path, "1", *(row(place) for place in range(10)))
    window = read(tmp_path, since=3, until=6)
    assert window.table["time"].to_list() == [3, 4, 5]
    assert (window.since, window.until) == (3, 6)


@pytest.mark.parametrize("half", [row(9)[:40], row(9)[:-1][:-1], b"\x00" * 20, b'{"time":1'])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path, half):
    put(tmp_path, "1", row(1), row(2), half)
    put(tmp_path, "2", row(3))
    window = read(tmp_path)
    assert window.table["request_id"].to_list() == ["r1", "r2", "r3"]
    assert window.skipped == 1


def test_a_file_of_half_a_line_alone(tmp_path):
    put(tmp_path, "1", row(1)[:30])
    window = read(tmp_path)
    assert (window.table.height, window.skipped) == (0, 1)


@pytest.mark.parametrize("text", [b"null\n", b"[]\n", b"{}\n", b'{"time":1}\n', b"\xff\xfe\n"])
def test_what_is_no_prediction_is_skipped_and_counted(tmp_path, text):
    put(tmp_path, "1", row(1), text, row(2))
    window = read(tmp_path)
    assert window.table["request_id"].to_list() == ["r1", "r2"]
    assert window.skipped == 1


def test_labels_of_all_kinds_are_text(tmp_path):
    put(tmp_path, "1", *(row(p, prediction=v) for p, v in enumerate(["a", 1, True, 1.5])))
    assert read(tmp_path).table["prediction"].to_list() == ["a", "1", "true", "1.5"]


def test_numbers_that_are_whole_at_first_and_columns_that_come_later(tmp_path):
    put(tmp_path, "1", row(1), row(2, features={"tenure": 1.5, "new": True}))
    put(tmp_path, "2", row(3, features={"tenure": None, "new": None}))
    table = read(tmp_path).table
    assert table["features.tenure"].to_list() == [3.0, 1.5, None]
    assert table["features.new"].to_list() == [None, True, None]


def test_very_large_whole_numbers(tmp_path):
    put(tmp_path, "1", row(1, features={"tenure": 2**80}), row(2))
    assert read(tmp_path).table["features.tenure"].to_list()[1] == 3


def test_scores_of_many_classes_and_of_both_kinds(tmp_path):
    put(tmp_path, "1", row(1, score=[0.2, 0.8]), row(2, score=[1, 0]))
    assert read(tmp_path).table["score"].to_list() == [[0.2, 0.8], [1.0, 0.0]]
    put(tmp_path, "2", row(3), row(4, score=[0.1, 0.9]))
    put(tmp_path, "3", row(5))
    assert read(tmp_path).table["score"].to_list() == [
        [0.2, 0.8],
        [1.0, 0.0],
        [0.5],
        [0.1, 0.9],
        [0.5],
    ]


def test_pieces_break_at_lines_and_lose_none(tmp_path, monkeypatch):
    put(tmp_path, "1", *(row(place) for place in range(200)))
    whole = read(tmp_path).table
    monkeypatch.setattr(reader, "PIECE", 1000)
    assert read(tmp_path).table.equals(whole)
    assert whole.height == 200


def test_what_a_candidate_predicted_too_late_is_left_out(tmp_path):
    late = row(1, route="candidate", version=2)
    other = row(2, route="candidate", version=2)
    put(tmp_path, "1", late, other, row(1, route="fallback"), row(3))
    table = read(tmp_path).table
    assert table.select("request_id", "route").rows() == [
        ("r1", "fallback"),
        ("r2", "candidate"),
        ("r3", "champion"),
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2**200, None], [1.0, 2.0**200, None]),
        ([-(2**70), 0.5], [-(2.0**70), 0.5]),
        ([True, 3, False], [1, 3, 0]),
        ([True, 0.5], [1.0, 0.5]),
        ([True, "y"], ["true", "y"]),
        ([True, "y", 3], ["1", "y", "3"]),
        ([False, None], [False, None]),
    ],
)
def test_no_value_that_a_request_may_bring_makes_the_log_unreadable(tmp_path, values, found):
    lines = [row(place, features={"a": value}) for place, value in enumerate(values)]
    put(tmp_path / "log", "1", *lines, b'{"time": 1, "requ\n')
    window = read(tmp_path / "log")
    assert window.table["features.a"].to_list() == found
    assert window.skipped == 1


@pytest.mark.parametrize("happens", ["compacted", "removed"])
def test_a_file_that_is_rotated_while_the_log_is_read(tmp_path, monkeypatch, happens):
    put(tmp_path, "1", row(1))
    put(tmp_path, "2", row(2))
    listed = reader.segments(tmp_path, reader.STEM)
    for path in tmp_path.glob("*.jsonl"):
        os.utime(path, (0, 0))
    compact(tmp_path)
    if happens == "removed":
        (tmp_path / "predictions-1.parquet").unlink()
    monkeypatch.setattr(reader, "segments", lambda *_, **__: listed)
    found = read(tmp_path).table["request_id"].to_list()
    assert found == (["r1", "r2"] if happens == "compacted" else ["r2"])


def test_only_the_requests_that_are_wanted_from_lines_and_from_parquet(tmp_path):
    put(tmp_path, "1", row(1), row(2))
    for path in tmp_path.glob("*.jsonl"):
        os.utime(path, (0, 0))
    compact(tmp_path)
    put(tmp_path, "2", row(3), row(4))
    wanted = pl.Series(["r2", "r3", "unknown"])
    assert read(tmp_path, requests=wanted).table["request_id"].to_list() == ["r2", "r3"]
    assert read(tmp_path, requests=wanted.clear()).table.height == 0
    assert read(tmp_path, without={"predictions-1"}).table.height == 2
