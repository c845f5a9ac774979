import json

import numpy as np
import polars as pl
import pytest
from sqlalchemy import insert, update

from mlwright.core.settings import Monitor
from mlwright.core.state import runs, versions
from mlwright.data.fingerprint import fingerprint
from mlwright.data.read import read
from mlwright.monitor.check import check
from mlwright.monitor.exporter import text
from mlwright.monitor.report import report
from mlwright.monitor.report_page import page
from mlwright.monitor.watch import Watch
from mlwright.monitor.wording import alert_of

from .conftest import NOON, draw

DAY = 86_400.0
POLICY = Monitor(joint=True)


def tied(rows, seed):
    """Rows of the world in which pay and age go together, each by itself as it was."""
    columns = draw(rows, seed)
    paid = np.nan_to_num(columns["pay"])
    columns["age"] = 0.7 * paid + np.sqrt(1 - 0.49) * columns["age"]
    return columns


@pytest.fixture
def trained(production, tmp_path):
    """The version's run names the table that it was trained on."""
    table = pl.DataFrame(draw(4000, 1), nan_to_null=True).with_columns(pl.col("<script>").cast(str))
    table.write_csv(tmp_path / "train.csv")
    path = str(tmp_path / "train.csv")
    tags = {"data_path": path, "data_fingerprint": fingerprint(read(path))}
    with production.workspace.state.write() as connection:
        row = {"experiment": "churn", "name": "one", "status": "finished", "started": 0.0}
        empty = {"process": {}, "params": {}, "metrics": {}}
        connection.execute(insert(runs).values(id="r1", **row, **empty, tags=tags))
        connection.execute(update(versions).values(run="r1"))
    return production


def checked(production, columns, *, at=NOON, **options):
    production.answer(columns, at=at)
    return check(
        production.workspace, "production", since=at, until=at + 3600, policy=POLICY, **options
    )


def test_the_training_data_is_what_rows_are_compared_with(trained):
    found = checked(trained, tied(1500, 5))
    assert (found.verdict, found.drifted) == ("drift", [])
    (test,) = found.joint.tests
    assert (test.rows, test.reference_rows) == (1500, 4000)
    assert {part.feature for part in test.features} == {"pay", "age"}
    alert = alert_of(found)
    assert alert.what == "Drift"
    assert alert.value.endswith("in features together")
    assert alert.causes == (f"Features drifted together: {', '.join(names(test))}",)
    calm = checked(trained, draw(1500, 6), at=NOON + 3600)
    assert calm.verdict == "ok"
    assert calm.sentence == "No drift in 4 features, alone or together, over 1,500 rows."
    json.dumps(calm.to_json(), allow_nan=False)


def names(test):
    return [part.feature for part in test.features]


def test_without_a_known_table_it_says_what_is_needed(production):
    found = checked(production, tied(900, 5))
    assert (found.verdict, found.joint.tests) == ("ok", ())
    said = "joint drift is not judged: it needs reference rows (--reference-data FILE), and it is "
    assert f"{said}not known on which file churn:1 was trained" in found.sensitivity
    assert found.sentence == "No drift in 4 features over 900 rows."


def test_a_table_that_changed_or_is_gone_is_no_reference(trained, tmp_path):
    file = tmp_path / "train.csv"
    file.write_text(file.read_text() + "1,2,a,0\n")
    found = checked(trained, tied(900, 5))
    assert found.joint.why == (
        "it needs reference rows (--reference-data FILE), and "
        f"{file} has changed since churn:1 was trained on it"
    )
    file.unlink()
    gone = checked(trained, tied(900, 6), at=NOON + 3600)
    assert gone.joint.tests == ()
    assert gone.joint.why.startswith("it needs reference rows (--reference-data FILE), and ")


def test_a_watch_judges_it_within_its_error_rate(trained):
    hourly = Watch(trained.workspace, "production", 600.0)
    assert not hourly.policy.joint
    (trained.workspace.root / "mlwright.yaml").write_text("monitor: {joint: true}\n")
    again = Watch(type(trained.workspace)(trained.workspace.root), "production", 600.0)
    assert again.policy.joint
    at = 600.0 * 2_833_333
    trained.answer(tied(1500, 5), at=at)
    found = again.step(at + 610)
    assert found.verdict == "drift"
    assert found.joint.tests[0].p_limit == pytest.approx(0.25 * again.policy.drift_threshold)


def test_a_report_shows_what_the_checks_found_and_how_it_went(trained):
    for hour, columns in enumerate([draw(900, 6), tied(900, 5), draw(900, 7)]):
        checked(trained, columns, at=NOON + 3600 * hour)
    made = report(trained.workspace, "production", since=NOON - 60, until=NOON + 4 * 3600)
    assert [bool(joint.drifted) for _, joint in made.joint] == [False, True, False]
    assert made.check.joint == made.joint[1][1]
    assert made.check.verdict == "drift"
    assert len(made.to_json()["joint_over_time"]) == 3
    shown = page(made)
    for words in (
        "Joint drift",
        "correlation of",
        "Found in 1 of 3 checks of this period.",
        "&lt;script&gt;",
    ):
        assert words in shown
    assert "<script>" not in shown


def test_prometheus_reads_the_effect(trained):
    checked(trained, tied(900, 5))
    line = next(line for line in text(trained.workspace).splitlines() if "joint_drift" in line)
    assert line.startswith("mlwright_check_drift_score{")
    assert 0.05 < float(line.split()[-1]) < 1
