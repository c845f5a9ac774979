import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import DataError
from mlwright.core.settings import Monitor
from mlwright.monitor.of_files import check_files
from mlwright.monitor.sources.files import Files


def draw(rows, seed, *, shift=0.0, cycle=0.0, hours=None):
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24, rows) if hours is None else np.full(rows, hours)
    wave = cycle * np.sin(2 * np.pi * hours / 24)
    return pl.DataFrame(
        {
            "time": hours * 3600.0,
            "x": rng.normal(shift, 1, rows) + wave,
            "plan": np.array(["a", "b"])[rng.integers(0, 2, rows)],
        }
    )


def run(folder, current, reference, **options):
    for name, table in (("now", current), ("then", reference)):
        table.write_parquet(folder / f"{name}.parquet")
    files = Files(folder / "now.parquet"), Files(folder / "then.parquet")
    return check_files(*files, Monitor(), **options)


def test_a_shift_is_found_and_the_same_world_is_ok(tmp_path):
    assert run(tmp_path, draw(2000, 1, shift=0.5), draw(9000, 2)).drifted == ["x"]
    found = run(tmp_path, draw(2000, 1), draw(9000, 2))
    assert (found.verdict, found.drifted, found.rows) == ("ok", [], 2000)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_daily_cycle_is_no_drift(tmp_path):
    reference = draw(50_000, 2, cycle=1.0)
    found = run(tmp_path, draw(2000, 1, cycle=1.0, hours=6), reference)
    assert (found.verdict, found.same_hours) == ("ok", True)
    undated = run(tmp_path, draw(2000, 1, cycle=1.0, hours=6), reference.drop("time"))
    assert (undated.verdict, undated.same_hours) == ("drift", False)
    shifted = run(tmp_path, draw(2000, 1, cycle=1.0, hours=6, shift=0.3), reference)
    assert shifted.drifted == ["x"]


def test_drift_of_one_segment_is_found_there(tmp_path):
    current = draw(4000, 1).drop("time")
    moved = pl.when(pl.col("plan") == "b").then(pl.col("x") + 0.6).otherwise("x")
    found = run(tmp_path, current.with_columns(x=moved), draw(9000, 2).drop("time"), segment="plan")
    assert {s.value: s.drifted for s in found.segments} == {"a": [], "b": ["x"]}
    with pytest.raises(DataError, match="segments cannot be made by 'plann'"):
        run(tmp_path, current, draw(9000, 2), segment="plann")


def test_accuracy_below_what_is_asked_is_degraded(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 1000)
    answer = np.where(rng.random(1000) < 0.7, truth, 0)
    current = draw(1000, 1).with_columns(
        label=pl.Series([f"k{v}" for v in truth]), prediction=pl.Series([f"k{v}" for v in answer])
    )
    assert run(tmp_path, current, draw(9000, 2), minimum_accuracy=0.9).verdict == "degraded"
    assert run(tmp_path, current, draw(9000, 2), minimum_accuracy=0.7).verdict == "ok"


def answered(seed, share, *, score=True):
    """Rows whose answers are right that often, with the probability they were cut from."""
    rng = np.random.default_rng(seed)
    truth = rng.random(2000) < 0.4
    right = rng.random(2000) < share
    answer = np.where(right, truth, ~truth)
    columns = {"label": truth, "prediction": answer}
    if score:
        columns["score"] = np.where(answer, 0.5, 0.0) + rng.random(2000) * 0.49
    return draw(2000, seed).with_columns(**{k: pl.Series(v) for k, v in columns.items()})


def test_answers_are_compared_with_those_of_the_reference(tmp_path):
    """Where the reference has labels and predictions too, no threshold needs to be named."""
    worse = run(tmp_path, answered(1, 0.75), answered(2, 0.9))
    assert worse.verdict == "degraded"
    accuracy = worse.performance.metrics["accuracy"]
    assert abs(accuracy.current.value - 0.75) < 0.03
    assert abs(accuracy.baseline.value - 0.9) < 0.03
    assert worse.performance.metrics["auc"].worse
    assert run(tmp_path, answered(1, 0.9), answered(2, 0.9)).verdict == "ok"


def test_answers_are_measured_where_there_is_nothing_to_compare_with(tmp_path):
    found = run(tmp_path, answered(1, 0.75), draw(9000, 2))
    assert found.verdict == "ok"
    assert {metric.baseline for metric in found.performance.metrics.values()} == {None}
    assert found.to_json()["performance"]["metrics"]["accuracy"]["baseline"] is None


def test_numbers_are_judged_by_their_errors(tmp_path):
    def numbers(seed, noise):
        rng = np.random.default_rng(seed)
        truth = rng.normal(100, 20, 2000)
        return draw(2000, seed).with_columns(
            label=pl.Series(truth), prediction=pl.Series(truth + rng.normal(0, noise, 2000))
        )

    found = run(tmp_path, numbers(1, 10), numbers(2, 5))
    assert found.verdict == "degraded"
    assert found.performance.metrics["mae"].worse
    assert abs(found.performance.metrics["rmse"].current.value - 10) < 1


def test_a_score_that_is_no_probability_of_the_second_class_is_not_used(tmp_path):
    """How sure a model was of whatever it answered would make an AUC that says nothing."""
    rows = answered(1, 0.8)
    sure = rows.with_columns(
        score=pl.when("prediction").then("score").otherwise(1 - pl.col("score"))
    )
    assert "auc" in run(tmp_path, rows, draw(9000, 2)).performance.metrics
    for other in (sure, rows.drop("score")):
        metrics = run(tmp_path, other, draw(9000, 2)).performance.metrics
        assert "accuracy" in metrics
        assert not {"auc", "log_loss"} & metrics.keys()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"x": pl.lit(None, pl.Float64)}, "all_null"),
        ({"plan": pl.lit("new")}, "new_categories"),
        ({"x": pl.col("x") + 100}, "out_of_range"),
        ({"x": pl.lit("much")}, "type_break"),
        ({"extra": pl.lit(1.0)}, "not_in_reference"),
        ({"x": pl.when(pl.int_range(pl.len()) < 900).then("x")}, "changed_schema"),
    ],
)
def test_bad_rows_are_said_and_never_stop_a_check(tmp_path, change, kind):
    ordered = draw(2000, 1).with_columns(time=pl.int_range(pl.len()).cast(pl.Float64))
    current = ordered.with_columns(**change)
    found = run(tmp_path, current, draw(9000, 2))
    assert kind in {one.kind for one in found.quality}


def test_three_rows_are_not_enough(tmp_path):
    assert run(tmp_path, draw(3, 1), draw(9000, 2)).verdict == "not_enough_data"


def test_nothing_in_common_is_told(tmp_path):
    with pytest.raises(DataError, match="have no column in common"):
        run(tmp_path, draw(900, 1).select(y="x"), draw(900, 2))


def test_no_scipy_and_no_database_for_files(tmp_path):
    draw(900, 1).write_parquet(tmp_path / "a.parquet")
    code = (
        "import sys; from mlwright.cli.main import main\n"
        f"main(['monitor', 'check', {str(tmp_path / 'a.parquet')!r}, '--reference-data',"
        f" {str(tmp_path / 'a.parquet')!r}])\n"
        "loaded = {'scipy', 'matplotlib', 'mlflow', 'sklearn'} & sys.modules.keys()\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
