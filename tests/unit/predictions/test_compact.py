import os

import pytest

from mlwright.core import clock
from mlwright.predictions import reader
from mlwright.predictions.compact import compact
from mlwright.predictions.labels import add
from mlwright.predictions.lines import Prediction, line

OLD = 5 * 3600


def log(folder, name, places, *, age=OLD, torn=b""):
    rows = [
        Prediction(
            1000.0 + p, f"r{p}", None, "m", 1, {"a": p / 2, "b": "x"}, "Yes", 0.5, 1.0, "champion"
        )
        for p in places
    ]
    path = folder / f"predictions-{name}-1.jsonl"
    path.write_bytes(b"".join(map(line, rows)) + torn)
    os.utime(path, (clock.now() - age,) * 2)
    return path


def test_the_log_reads_the_same_when_compacted(tmp_path):
    log(tmp_path, "1", range(50), torn=b'{"time":1')
    log(tmp_path, "2", range(50, 90), age=0)
    before = reader.read(tmp_path)
    done = compact(tmp_path)
    after = reader.read(tmp_path)
    assert (done.compacted, done.removed) == (1, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "predictions-1-1.parquet",
        "predictions-2-1.jsonl",
    ]
    assert after.table.equals(before.table)
    assert (before.skipped, after.skipped) == (1, 1)
    assert reader.read(tmp_path, since=clock.now()).table.height == 0


def test_a_kill_between_the_two_files_doubles_nothing(tmp_path):
    path = log(tmp_path, "1", range(50))
    lines = path.read_bytes()
    compact(tmp_path)
    path.write_bytes(lines)
    assert reader.read(tmp_path).table.height == 50
    assert compact(tmp_path).compacted == 0
    assert not path.exists()


def test_a_kill_while_writing_loses_nothing(tmp_path, monkeypatch):
    log(tmp_path, "1", range(50))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        compact(tmp_path)
    assert reader.read(tmp_path).table.height == 50


def test_old_segments_go_when_asked(tmp_path):
    log(tmp_path, "1", range(50), age=10 * 86_400)
    log(tmp_path, "2", range(50, 60))
    assert (
        compact(tmp_path, keep_days=7, counted={path.stem for path in tmp_path.iterdir()}).removed
        == 1
    )
    assert reader.read(tmp_path).table["request_id"].to_list() == [f"r{p}" for p in range(50, 60)]


def test_labels_find_requests_that_were_compacted(tmp_path):
    log(tmp_path, "1", range(5))
    compact(tmp_path)
    assert add(tmp_path, [("r1", "Yes"), ("r9", "No")]).unknown == 1
