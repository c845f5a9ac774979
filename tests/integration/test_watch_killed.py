"""A watch that is killed with -9 again and again judges every row, and none twice."""

import json
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.heavy


def rows(count, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "pay": rng.normal(0, 1, count),
            "timestamp": time.time() - 1000 + np.sort(rng.random(count)),
        }
    )


def test_windows_do_not_overlap_and_leave_nothing_out(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "mlwright.yaml").write_text("monitor: {minimum_rows: 1}")
    rows(2000, 0).drop("timestamp").write_csv(tmp_path / "train.csv")
    rows(600, 1).write_csv(logs / "0.csv")
    command = [sys.executable, "-m", "mlwright", "monitor", "check", "logs/", "--json"]
    command += ["--reference-data", "train.csv", "--check-interval", "1"]
    chance, lines, written = random.Random(0), [], 600
    for number in range(1, 6):
        with (tmp_path / "out").open("w+b") as out:
            watching = subprocess.Popen(
                command, cwd=tmp_path, stdout=out, stderr=subprocess.DEVNULL
            )
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (tmp_path / "out").stat().st_size:
                time.sleep(0.05)
            time.sleep(chance.random() * 2)
            watching.send_signal(signal.SIGKILL)
            watching.wait()
            out.seek(0)
            lines += [json.loads(line) for line in out.read().splitlines() if line.endswith(b"}")]
        moment = time.time()
        new = pl.DataFrame({"pay": np.zeros(40), "timestamp": moment + np.arange(40) / 1000})
        new.write_csv(logs / f"{number}.csv")
        written += 40
        time.sleep(1.1)
    with (tmp_path / "out").open("w+b") as out:
        watching = subprocess.Popen(command, cwd=tmp_path, stdout=out)
        time.sleep(0.5)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and b"}" not in (tmp_path / "out").read_bytes():
            time.sleep(0.1)
        time.sleep(2)
        watching.terminate()
        watching.wait()
        out.seek(0)
        lines += [json.loads(line) for line in out.read().splitlines()]
    filled = [found for found in lines if found["rows"]]
    # One window may have been judged and not printed: the kill fell between.
    assert written - sum(found["rows"] for found in filled) in (0, 40)
    ends = [(found["since"], found["until"]) for found in filled[1:]]
    assert all(before[1] <= after[0] for before, after in pairwise(ends))
