import numpy as np
import polars as pl
import pytest

from mlwright.core.errors import ConfigError
from mlwright.core.settings import Monitor
from mlwright.core.workspace import Workspace
from mlwright.monitor.sources.files import Files
from mlwright.monitor.watch_files import WatchFiles

HOUR = 3600.0
START = 472_223 * HOUR


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    table(3000, 0).write_csv(tmp_path / "train.csv")
    return folder


def table(rows, seed, *, shift=0.0, since=None):
    rng = np.random.default_rng(seed)
    columns = {"pay": rng.normal(shift, 1, rows), "plan": rng.choice(["a", "b"], rows)}
    if since is not None:
        columns["timestamp"] = since + np.arange(rows, dtype=float)
    return pl.DataFrame(columns)


def watch(logs, **options):
    workspace = Workspace.create(logs.parent)
    reference = Files(logs.parent / "train.csv", lenient=True)
    return WatchFiles(workspace, logs, Files(logs), reference, Monitor(), HOUR, **options)


def test_no_row_is_judged_twice_also_after_a_restart(logs):
    table(600, 1, since=START).write_csv(logs / "a.csv")
    assert watch(logs).step(START + 1800).rows == 600
    assert watch(logs).step(START + 1801) is None
    table(700, 2, since=START + 1800).write_csv(logs / "b.csv")
    assert watch(logs).due(START + 1801) == START + HOUR
    found = watch(logs).step(START + HOUR + 1)
    assert (found.rows, found.since, found.until) == (700, START + 1800, START + HOUR)
    assert watch(logs).step(START + HOUR + 5) is None


def test_too_few_rows_wait_for_more(logs):
    table(300, 1, since=START).write_csv(logs / "a.csv")
    assert watch(logs).step(START + 1800).verdict == "not_enough_data"
    table(300, 2, since=START + 2000).write_csv(logs / "b.csv")
    assert (watch(logs).step(START + HOUR).rows) == 600


def test_rows_without_a_time_are_checked_again_when_the_files_change(logs):
    table(600, 1).write_csv(logs / "a.csv")
    assert watch(logs).step(START + 10).rows == 600
    assert watch(logs).step(START + 2 * HOUR) is None
    assert watch(logs).step(START + 2 * HOUR + 1) is None
    table(600, 2, shift=1.0).write_csv(logs / "b.csv")
    assert watch(logs).step(START + 3 * HOUR).verdict == "drift"


def test_a_step_that_dies_is_done_again(logs, monkeypatch):
    table(600, 1, since=START, shift=1.0).write_csv(logs / "a.csv")

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mlwright.monitor.watch_files.tell", die)
        with pytest.raises(KeyboardInterrupt):
            watch(logs, told=True).step(START + 1800)
    assert watch(logs, told=True).step(START + 1900).verdict == "drift"
    assert "pay" in (logs.parent / "alerts.txt").read_text()


def test_an_interval_too_short(logs):
    with pytest.raises(ConfigError, match=r"a check every 0\.1 s is too often"):
        WatchFiles(
            Workspace.create(logs.parent), logs, Files(logs), Files(logs), Monitor(), interval=0.1
        )
