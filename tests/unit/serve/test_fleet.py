from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time

import msgspec

from mlwright.serve.fleet import Fleet
from mlwright.serve.metrics import Metrics


def counted(rows: int) -> Metrics:
    metrics = Metrics()
    metrics.count("rows_total", 'version="1"', rows)
    for _ in range(rows):
        metrics.observe(1, 0.01)
    return metrics


def leave(folder, pid: int, rows: int, *, age: float = 0.0) -> None:
    path = folder / f"metrics-{pid}@{socket.gethostname()}.json"
    gauges = {"queue": 2, "log_lag_seconds": rows / 10}
    path.write_bytes(msgspec.json.encode(counted(rows).snapshot(gauges)))
    os.utime(path, (time.time() - age, time.time() - age))


def started(folder) -> Fleet:
    async def run():
        fleet = Fleet(folder, counted(1), lambda: {"queue": 1, "log_lag_seconds": 0.2})
        fleet.start()
        fleet.stop()
        return fleet

    return asyncio.run(run())


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_page_is_the_sum_of_all_workers(tmp_path):
    leave(tmp_path, os.getppid(), 5)
    text = started(tmp_path).text()
    assert 'mlwright_rows_total{version="1"} 6' in text
    assert 'mlwright_request_seconds_count{version="1"} 6' in text
    assert "mlwright_queue 3" in text
    assert "mlwright_log_lag_seconds 0.5" in text


def test_what_the_dead_counted_stays_and_their_queue_does_not(tmp_path):
    for rows in (10, 20):
        leave(tmp_path, dead(), rows, age=30)
        for _ in range(2):  # also for the next one to start
            text = started(tmp_path).text()
    # 10 and 20, and 4 workers of one row each that had this process's number one after the other.
    assert 'mlwright_rows_total{version="1"} 34' in text
    assert "mlwright_queue 1" in text
    names = {path.name for path in tmp_path.glob("metrics-*.json")}
    assert names == {"metrics-past.json", f"metrics-{os.getpid()}@{socket.gethostname()}.json"}


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / f"metrics-{os.getppid()}@{socket.gethostname()}.json").write_text("{")
    assert 'mlwright_rows_total{version="1"} 1' in started(tmp_path).text()
