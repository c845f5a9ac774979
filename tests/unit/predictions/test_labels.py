from __future__ import annotations

import math

import pytest

from mlwright.core import clock
from mlwright.core.errors import DataError
from mlwright.predictions.labels import Added, add, labelled, read_labels
from mlwright.predictions.lines import Prediction, line
from mlwright.predictions.reader import read


@pytest.fixture
def log(tmp_path):
    lines = [
        line(Prediction(float(p), f"r{p}", None, "m", 1, {"a": p}, "Yes", 0.5, 1.0, "champion"))
        for p in range(5)
    ]
    (tmp_path / "predictions-1.jsonl").write_bytes(b"".join(lines) + b'{"time":9,"requ')
    return tmp_path


def test_labels_join_their_predictions(log):
    assert add(log, [("r1", "No"), ("r3", "Yes"), ("r9", "Yes")]) == Added(2, 1)
    table = labelled(read(log), read_labels(log))
    assert table.select("request_id", "label").rows() == [("r1", "No"), ("r3", "Yes")]
    assert "features.a" in table.columns


def test_the_newest_label_wins(log, monkeypatch):
    for now, text in ((2.0, "second"), (1.0, "first")):
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        add(log, [("r1", text)])
    assert read_labels(log).select("request_id", "label").rows() == [("r1", "second")]
    monkeypatch.setattr(clock, "now", lambda: 3.0)
    add(log, [("r1", "third"), ("r1", "fourth")])
    assert read_labels(log)["label"].to_list() == ["fourth"]


def test_labels_are_written_as_predictions_are(log):
    add(log, [("r1", 1), ("r2", True), ("r3", 1.5)])
    assert sorted(read_labels(log)["label"]) == ["1", "1.5", "true"]


@pytest.mark.parametrize("label", [None, math.nan, math.inf, ["Yes"]])
def test_a_label_that_is_none_is_refused_and_nothing_kept(log, label):
    with pytest.raises(DataError, match="label 2 is empty or no number, text or boolean"):
        add(log, [("r1", "Yes"), ("r2", label)])
    assert read_labels(log).height == 0


def test_no_log_knows_nothing(tmp_path):
    assert add(tmp_path / "nothing", [("r1", "Yes")]) == Added(0, 1)
    assert read_labels(tmp_path / "nothing").height == 0


def test_half_a_line_of_labels_is_skipped(log):
    add(log, [("r1", "No")])
    (path,) = log.glob("labels-*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"time":1,"request')
    assert read_labels(log)["request_id"].to_list() == ["r1"]
    path.write_bytes(b'{"time":1')
    assert read_labels(log).height == 0
