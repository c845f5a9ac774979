import itertools
import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from mlwright.bundle import original
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.calibration import Calibration, Line
from mlwright.bundle.original import Original, measured, rows_from
from mlwright.bundle.write import write
from mlwright.core.errors import MissingExtra


class Slow:
    """A runtime that takes so many seconds a row."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.calls = []

    def scores(self, matrix):
        self.calls.append(matrix[:, 0].tolist())
        end = time.thread_time() + self.seconds * len(matrix)
        while time.thread_time() < end:
            pass
        return matrix[:, 0]


def engines(bundle):
    return json.loads((bundle.path / "engines.json").read_text())


def test_the_faster_one_is_for_tables():
    matrix = np.arange(6.0)[:, None]
    found = measured({"onnx": Slow(1e-5), "xgboost": Slow(1e-6)}, matrix)
    assert found["tables"] == "xgboost"
    times = found["microseconds"]
    assert set(times["onnx"]) == set(times["xgboost"]) == {"1", "32", "1000"}
    assert times["onnx"]["1000"] >= 10_000


def test_a_small_gain_does_not_leave_the_compiled_one():
    found = measured({"onnx": Slow(1e-5), "xgboost": Slow(0.95e-5)}, np.zeros((3, 1)))
    assert found["tables"] == "onnx"


def test_no_row_is_measured_twice_running():
    runtime = Slow(1e-6)
    measured({"onnx": runtime, "xgboost": runtime}, np.arange(2000.0)[:, None])
    single = [call[0] for call in runtime.calls if len(call) == 1]
    assert len(set(single)) > 20
    assert all(a != b for a, b in itertools.pairwise(single))


def test_the_measurement_stands_beside_the_sealed_files(example, tmp_path):
    bundle = write(example.draft, tmp_path)
    assert set(engines(bundle)) == {"tables", "microseconds"}
    assert "engines.json" not in bundle.facts["files"]
    assert bundle.facts["original"]["runtime"] == "lightgbm"
    assert bundle.files["model.txt"] == example.draft.source.data
    (bundle.path / "engines.json").write_text('{"tables": "mine"}')
    assert write(example.draft, tmp_path).hash == bundle.hash
    assert engines(bundle) == {"tables": "mine"}


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"tables": "nobody"}', '{"tables": {}}'])
def test_an_unreadable_measurement_leaves_tables_to_the_compiled_one(example, tmp_path, text):
    bundle = write(example.draft, tmp_path)
    (bundle.path / "engines.json").unlink()
    if text is not None:
        (bundle.path / "engines.json").write_text(text)
    opened = Bundle.open(bundle.path)
    assert opened.model().scores(example.columns).shape == (400,)


def with_choice(example, tmp_path, **changes):
    bundle = write(replace(example.draft, **changes), tmp_path)
    (bundle.path / "engines.json").write_text('{"tables": "lightgbm"}')
    return Bundle.open(bundle.path)


def booster_calls(monkeypatch):
    from mlwright.bundle.runtimes.lightgbm import Booster

    calls, scores = [], Booster.scores

    def counted(self, matrix):
        calls.append(len(matrix))
        return scores(self, matrix)

    monkeypatch.setattr(Booster, "scores", counted)
    return calls


def test_tables_go_to_the_original_and_rows_never(example, tmp_path, monkeypatch):
    model = with_choice(example, tmp_path).model()
    calls = booster_calls(monkeypatch)
    by_row = model.predict_rows(example.rows)
    assert calls == []
    by_column = model.predict(example.columns)
    assert calls == [400]
    assert by_row.prediction == by_column.prediction
    assert by_row.scores == pytest.approx(by_column.scores, abs=1e-12)


def test_the_original_is_calibrated_too(example, tmp_path, monkeypatch):
    half = Calibration("sigmoid", (Line(np.array([0.0, 1.0]), np.array([0.0, 0.5])),))
    model = with_choice(example, tmp_path, calibration=half).model()
    calls = booster_calls(monkeypatch)
    by_row, by_column = model.predict_rows(example.rows), model.predict(example.columns)
    assert calls == [400]
    assert by_row.scores == pytest.approx(by_column.scores, abs=1e-12)
    assert by_row.scores.max() <= 0.5


def test_another_version_of_its_package_leaves_tables_to_the_compiled_one(
    example, tmp_path, monkeypatch
):
    bundle = with_choice(example, tmp_path)
    calls = booster_calls(monkeypatch)
    monkeypatch.setattr(original, "exact", lambda name: f"{name}==0.0")
    bundle.model().predict(example.columns)
    assert calls == []


def test_a_package_that_is_not_installed_leaves_tables_to_the_compiled_one():
    def load():
        raise MissingExtra("lightgbm is not installed")

    absent = Original(load, for_tables=True)
    assert absent.for_tables() is None
    assert absent.for_tables() is None
    with pytest.raises(MissingExtra):
        absent.runtime()


def test_it_is_loaded_once_and_only_when_asked():
    loads = []
    asked = Original(lambda: loads.append(1) or Slow(0), for_tables=True)
    assert loads == []
    assert asked.for_tables() is asked.runtime()
    assert loads == [1]
    assert Original(lambda: loads.append(1) or Slow(0)).for_tables() is None
    assert loads == [1]


def times(compiled, original):
    return {"microseconds": {"onnx": dict(compiled), "xgboost": dict(original)}}


@pytest.mark.parametrize(
    ("original", "wanted"),
    [
        ({"1": 300, "32": 310, "1000": 4000}, 45),
        ({"1": 5, "32": 160, "1000": 5000}, 1),
        ({"1": 300, "32": 600, "1000": 9000}, None),
        ({"1": 300, "32": 600}, None),
        ({"1": 300, "32": "?", "1000": 4000}, None),
    ],
)
def test_from_how_many_rows_it_is_the_faster_one(original, wanted):
    known = times({"1": 20, "32": 320, "1000": 10_000}, original)
    found = rows_from(known, "xgboost")
    assert found is None if wanted is None else abs(found - wanted) <= 1


def test_it_is_loaded_by_a_thread_when_so_many_rows_came(monkeypatch):
    runtime, begun, may = Slow(0), threading.Event(), threading.Event()

    def load():
        begun.set()
        assert may.wait(10)
        return runtime

    kept = Original(load, rows_from=32)
    assert kept.for_rows(31) is None
    assert not begun.is_set()
    assert kept.for_rows(32) is None
    assert begun.wait(10)
    assert kept.for_rows(1000) is None
    may.set()
    (thread,) = [each for each in threading.enumerate() if each.name == "mlwright-load"]
    thread.join(10)
    assert kept.for_rows(32) is runtime
    assert kept.for_rows(31) is None


def test_one_that_cannot_be_loaded_leaves_many_rows_to_the_compiled_one():
    def load():
        raise MissingExtra("xgboost is not installed")

    kept = Original(load, rows_from=2)
    assert kept.for_rows(2) is None
    for thread in threading.enumerate():
        if thread.name == "mlwright-load":
            thread.join(10)
    assert kept.for_rows(2) is None


def test_without_a_measurement_rows_never_go_to_it():
    assert Original(lambda: Slow(0), for_tables=True).for_rows(10_000) is None
