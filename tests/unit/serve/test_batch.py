import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import polars as pl
import pytest

from mlwright.core.errors import Busy, DataError, SignatureError
from mlwright.data import cutting_parquet, cutting_text
from mlwright.data.read import read
from mlwright.serve import batch
from mlwright.serve.batch import STANDARD, predict_file
from mlwright.serve.unfinished import unfinished


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(cutting_text, "BLOCK", 2000)
    monkeypatch.setattr(cutting_parquet, "ROWS", 64)
    monkeypatch.setattr(cutting_parquet, "_FEWEST_ROWS", 64)


def rows(count: int = 500) -> pl.DataFrame:
    chance = random.Random(0)
    return pl.DataFrame(
        {
            "id": [f"{number:05}" for number in range(count)],
            "tenure": [chance.randrange(70) for _ in range(count)],
            "charges": [chance.choice((None, chance.random() * 100)) for _ in range(count)],
            "contract": [chance.choice(("m", "y", "new, one")) for _ in range(count)],
        }
    )


def expected(bundle, table: pl.DataFrame):
    return bundle.model().predict_rows(table.drop("id").to_dicts())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("target", ["csv", "csv.gz", "jsonl", "parquet"])
def test_every_row_is_answered_in_its_order(bundles, tmp_path, source, target):
    table, bundle = rows(), bundles()
    into = tmp_path / f"in.{source}"
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[source](
        into
    )
    out = tmp_path / f"out.{target}"
    seen = []
    done = predict_file(
        bundle.path,
        into,
        out,
        model_version=3,
        keep=["id"],
        progress=lambda share, rows: seen.append((share, rows)),
    )
    found, model = read(out), expected(bundle, table)
    assert (done.rows, done.skipped, done.resumed, done.problems) == (500, 0, 0, None)
    assert found.columns == ["id", "prediction", "probability", "model_version"]
    ids = [f"{int(text):05}" for text in found["id"].to_list()]
    assert ids == table["id"].to_list()
    assert found["prediction"].to_list() == model.prediction
    assert found["probability"].to_list() == pytest.approx(model.scores.tolist(), abs=1e-12)
    assert found["model_version"].unique().to_list() == [3]
    assert len(seen) > 5
    assert seen[-1] == (1.0, 500)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({into.name, out.name})


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(bundles, tmp_path, task):
    table, bundle = rows(), bundles(task=task)
    table.write_parquet(tmp_path / "in.parquet")
    predict_file(bundle.path, tmp_path / "in.parquet", tmp_path / "out.parquet")
    found, model = read(tmp_path / "out.parquet"), expected(bundle, table)
    assert found.columns[:4] == table.columns
    assert found["prediction"].to_list() == pytest.approx(model.prediction)
    if task == "multiclass":
        assert found["probability"].to_list() == pytest.approx(model.scores.max(axis=1).tolist())
    else:
        assert "probability" not in found.columns


def test_the_text_of_a_csv_stays_as_it_is(bundles, tmp_path):
    (tmp_path / "in.csv").write_text("id,tenure,charges,contract\n007, 3 ,1.50,m\n008,4,,y\n")
    predict_file(bundles().path, tmp_path / "in.csv", tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("007, 3 ,1.50,m,")
    assert lines[2].startswith("008,4,,y,")


BAD = "id,tenure,charges,contract\n1,3,1,m\n2,,x,y\n3,old,2,\n4,5,,y\n"


def test_the_first_bad_row_stops_with_its_place(bundles, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text(BAD)
    with pytest.raises(DataError) as raised:
        predict_file(bundles().path, source, tmp_path / "out.csv")
    assert str(raised.value) == (
        f"{source}, row 2: tenure must not be null; charges must be a number"
    )
    assert raised.value.hint == "mend that row, or leave such rows out with --on-error skip"
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_bad_rows_are_left_out_and_listed(bundles, tmp_path):
    (tmp_path / "in.csv").write_text(BAD)
    out = tmp_path / "out.csv"
    done = predict_file(bundles().path, tmp_path / "in.csv", out, keep=["id"], skip_bad=True)
    assert (done.rows, done.skipped) == (2, 2)
    assert read(out)["id"].to_list() == [1, 4]
    assert done.problems == tmp_path / "out.csv.problems.csv"
    assert done.problems.read_text() == (
        "row,column,reason\n"
        "2,tenure,must not be null\n2,charges,must be a number\n"
        "3,tenure,must be a number\n3,contract,must not be null\n"
    )
    (tmp_path / "in.csv").write_text("id,tenure,charges,contract\n1,3,1,m\n")
    assert predict_file(bundles().path, tmp_path / "in.csv", out, skip_bad=True).problems is None
    assert not (tmp_path / "out.csv.problems.csv").exists()


@pytest.mark.usefixtures("small")
def test_the_number_of_a_bad_row_counts_all_pieces(bundles, tmp_path):
    table = rows()
    lines = table.write_csv().splitlines()
    lines[401] = "x,no number,1,m"
    (tmp_path / "in.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"in\.csv, row 401: tenure must be a number$"):
        predict_file(bundles().path, tmp_path / "in.csv", tmp_path / "out.csv")


def test_what_cannot_be_done_is_said_before_it_is_begun(bundles, tmp_path):
    source, path = tmp_path / "in.csv", bundles().path
    source.write_text("id,tenur,charges,contract\n1,3,1,m\n")
    with pytest.raises(SignatureError, match=r"tenure: is missing; did you mean 'tenur'\?"):
        predict_file(path, source, tmp_path / "out.csv")
    source.write_text("id,tenure,charges,contract,prediction\n1,3,1,m,x\n")
    with pytest.raises(DataError, match="the column 'prediction' has the name of an answer"):
        predict_file(path, source, tmp_path / "out.csv")
    with pytest.raises(DataError, match=r"no column 'idd' to keep; did you mean 'id'\?"):
        predict_file(path, source, tmp_path / "out.csv", keep=["idd"])
    with pytest.raises(DataError, match="is the input too"):
        predict_file(path, source, source)
    with pytest.raises(DataError, match="standard output has no place"):
        predict_file(path, source, STANDARD, skip_bad=True)
    source.write_text("id,tenure,charges,contract\n")
    with pytest.raises(DataError, match="has column names but no rows"):
        predict_file(path, source, tmp_path / "out.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_standard_input_to_standard_output(bundles, monkeypatch, form):
    table, given, out = rows(20), io.BytesIO(), io.BytesIO()
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[form](
        given
    )
    given.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=given))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
    predict_file(bundles().path, STANDARD, STANDARD, keep=["id"])
    lines = out.getvalue().decode().splitlines()
    if form == "jsonl":
        assert json.loads(lines[0])["id"] == "00000"
        assert len(lines) == 20
    else:
        assert lines[0] == "id,prediction,probability,model_version"
        assert len(lines) == 21


def test_two_writers_of_one_output(bundles, tmp_path):
    rows(5).write_csv(tmp_path / "in.csv")
    with unfinished(tmp_path / "out.csv", {}), pytest.raises(Busy) as raised:
        predict_file(bundles().path, tmp_path / "in.csv", tmp_path / "out.csv")
    assert str(raised.value) == f"another process is writing {tmp_path}/out.csv"


class Killed(BaseException):
    """What ends a run in the middle, like a signal that cannot be caught."""


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("target", ["csv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet"])
def test_a_run_that_was_ended_goes_on_where_it_was(bundles, tmp_path, monkeypatch, source, target):
    monkeypatch.setattr(batch, "_NOTED_EVERY", -1.0)
    table, path = rows(), bundles().path
    table = table.with_columns(  # some rows that do not fit
        tenure=pl.when(pl.int_range(500) % 50 != 7).then("tenure")
    )
    into = tmp_path / f"in.{source}"
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[source](
        into
    )
    once, again = tmp_path / f"once.{target}", tmp_path / f"again.{target}"
    first = predict_file(path, into, once, skip_bad=True)

    def end(share: float, rows: int) -> None:
        if rows > 200:
            raise Killed

    with pytest.raises(Killed):
        predict_file(path, into, again, skip_bad=True, progress=end)
    assert not again.exists()
    said = []
    second = predict_file(path, into, again, skip_bad=True, say=said.append)
    assert second.resumed > 50
    assert said[-1].startswith("goes on after row ")
    assert (second.rows, second.skipped) == (first.rows, first.skipped) == (490, 10)
    assert again.read_bytes() == once.read_bytes()
    listed = [tmp_path / f"{name}.{target}.problems.csv" for name in ("once", "again")]
    assert listed[0].read_bytes() == listed[1].read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("small")
def test_other_choices_begin_anew(bundles, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_NOTED_EVERY", -1.0)
    rows().write_csv(tmp_path / "in.csv")

    def end(share: float, rows: int) -> None:
        raise Killed

    out = tmp_path / "out.csv"
    with pytest.raises(Killed):
        predict_file(bundles().path, tmp_path / "in.csv", out, progress=end)
    assert predict_file(bundles(scale=2.0).path, tmp_path / "in.csv", out).resumed == 0


KILLED = """
import sys
from pathlib import Path
from mlwright.data import cutting_parquet
from mlwright.serve import batch
cutting_parquet.ROWS = cutting_parquet._FEWEST_ROWS = 1000
batch._NOTED_EVERY = 0.0
batch.predict_file(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_kill_minus_nine_costs_nothing(bundles, tmp_path):
    rows(60_000).write_parquet(tmp_path / "in.parquet")
    command = [sys.executable, "-c", KILLED, str(bundles().path), str(tmp_path / "in.parquet")]
    once, again = tmp_path / "once.parquet", tmp_path / "again.parquet"
    subprocess.run([*command, str(once)], check=True)
    process = subprocess.Popen([*command, str(again)])
    noted = tmp_path / ".again.parquet.predicting" / "progress.json"
    deadline = time.monotonic() + 30
    while not noted.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < json.loads(noted.read_bytes())["progress"]["rows"] < 60_000
    assert not again.exists()
    subprocess.run([*command, str(again)], check=True)
    assert again.read_bytes() == once.read_bytes()


def test_what_another_runtime_began_is_not_gone_on_with(bundles, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_NOTED_EVERY", -1.0)
    into, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows().write_csv(into)
    tasks = []
    kept = batch.unfinished
    monkeypatch.setattr(
        batch, "unfinished", lambda path, task: tasks.append(task) or kept(path, task)
    )
    predict_file(bundles().path, into, out)
    monkeypatch.setattr("mlwright.bundle.model.Model.table_runtime", "original")
    predict_file(bundles().path, into, out)
    assert [task["table_runtime"] for task in tasks] == ["compiled", "original"]
