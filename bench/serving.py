"""POST /predict, logged, against a static reply of the same server: GET /health/live.

The same worker process answers both, so that HTTP costs the same and the ratio is what checking,
predicting, logging and encoding leave of the server's speed. The load comes from another process
(`bench/load.py`); it says how busy it was, and above 0.9 it is itself what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from pair import compare

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, OneHotStep, OrdinalStep, Plan
from mlwright.bundle.sources import FileSource, LightGBMSource, LinearSource, Source
from mlwright.bundle.write import Draft, write
from mlwright.core.errors import RemoteError
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile
from mlwright.serve.client import Client

WIDTHS = {"xgboost": (20, 0), "linear": (8, 4), "lightgbm": (12, 8)}
"""Numbers and categories of the table of each model."""

CATEGORIES = ("monthly", "yearly", "biennial", "none")


def columns(rows: int, numbers: int, texts: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {f"number_{i}": rng.normal(size=rows).round(4) for i in range(numbers)}
    words = np.array(CATEGORIES, object)
    return {**found, **{f"text_{i}": rng.choice(words, size=rows) for i in range(texts)}}


def source(kind: str, plan: Plan, data: dict[str, np.ndarray]) -> Source:
    if kind == "linear":
        weights = np.random.default_rng(1).normal(size=len(plan.features))
        return LinearSource(weights, 0.0, "logistic")
    matrix = plan.encode(data)
    target = (matrix[:, 0] + matrix[:, -1] > 1).astype(float)
    if kind == "xgboost":
        import xgboost

        given = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1}
        fitted = xgboost.train(given, xgboost.DMatrix(matrix, target), 300)
        return FileSource("xgboost", "model.json", bytes(fitted.save_raw("json")), ("xgboost",))
    import lightgbm

    params = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(matrix, target), 150)
    return LightGBMSource(booster.model_to_string())


def bundle(kind: str, folder: Path) -> Bundle:
    """Return a model: xgboost 300 x 6 on 20 numbers, linear on 8 and 4, lightgbm on 12 and 8."""
    numbers, texts = WIDTHS[kind]
    inputs = [Column(f"number_{i}", "number") for i in range(numbers)]
    inputs += [Column(f"text_{i}", "category") for i in range(texts)]
    signature = Signature(tuple(inputs), "binary", "y", ("No", "Yes"))
    text = OneHotStep if kind == "linear" else OrdinalStep
    steps = [NumberStep(f"number_{i}") for i in range(numbers)]
    plan = Plan((*steps, *(text(f"text_{i}", CATEGORIES) for i in range(texts))))
    data = columns(3000, numbers, texts)
    row = {name: values.tolist()[0] for name, values in data.items()}
    draft = Draft(
        name="bench",
        signature=signature,
        plan=plan,
        source=source(kind, plan, data),
        algorithm=kind,
        profile=profile(data, signature),
        card="",
        check_columns=data,
        samples=[row],
        threshold=0.5,
    )
    return write(draft, folder / "bundles")


@contextlib.contextmanager
def worker(bundle: Bundle, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a worker on a free port; give the port and the process id."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    spec = {
        "bundle": str(bundle.path),
        "model": "bench",
        "version": 1,
        "environment": "bench",
        "log_folder": str(folder / "log"),
        "socket": str(folder / "w.sock"),
        "pid_file": str(folder / "w.pid"),
        "listen_fd": sock.fileno(),
        "parent_pid": os.getpid(),
        "accept": True,
        "tied": True,
    }
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    command = [sys.executable, "-m", "mlwright.serve.worker", str(path)]
    process = subprocess.Popen(command, pass_fds=[sock.fileno()])
    try:
        asyncio.run(ready(folder / "w.sock"))
        yield sock.getsockname()[1], process.pid
    finally:
        process.terminate()
        process.wait()
        sock.close()


async def ready(path: Path) -> None:
    async with Client(str(path)) as client, asyncio.timeout(30):
        while True:
            with contextlib.suppress(RemoteError):
                await client.request("GET", "/health/ready")
                return
            await asyncio.sleep(0.02)


def requests(folder: Path, row: dict[str, object], rows: int) -> tuple[Path, Path]:
    body = json.dumps({"records": [row] * rows}).encode()
    head = "POST /predict HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    predict, static = folder / "predict", folder / "static"
    predict.write_bytes(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    static.write_bytes(b"GET /health/live HTTP/1.1\r\nhost: bench\r\n\r\n")
    return predict, static


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Runner:
    """Runs the load generator, and keeps what is not the rate."""

    def __init__(self, port: int, pid: int, connections: int, count: int) -> None:
        self.command = [str(port), str(connections), str(count), "20"]
        self.pid = pid
        self.busiest = 0.0
        self.cpu: dict[Path, list[float]] = {}

    def rate(self, request: Path) -> float:
        """Return the requests a second of one run."""
        load = Path(__file__).with_name("load.py")
        command = [sys.executable, str(load), *self.command, str(request)]
        before = cpu_seconds(self.pid)
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        if found["failed"]:
            raise SystemExit(f"{found['failed']} of {found['requests']} requests failed")
        self.busiest = max(self.busiest, found["busy"])
        cost = (cpu_seconds(self.pid) - before) / found["requests"] * 1e6
        self.cpu.setdefault(request, []).append(cost)
        return float(found["per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(WIDTHS), default="xgboost")
    parser.add_argument("--rows", type=int, default=1, help="rows of a request")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlw-") as name:
        folder = Path(name)
        model = bundle(given.model, folder)
        predict, static = requests(folder, model.samples[0]["features"], given.rows)
        print(f"A: POST /predict, {given.rows} rows ({model.runtime}), logged; B: GET /health/live")
        with worker(model, folder) as (port, pid):
            for connections, count in ((32, given.count), (1, given.count // 4)):
                runner = Runner(port, pid, connections, count)
                one, other = partial(runner.rate, predict), partial(runner.rate, static)
                ratio = compare(one, other, rounds=given.rounds)
                cost = {name: median(values) for name, values in runner.cpu.items()}
                print(f"{connections:>2} connections: {ratio.text('requests/s')}")
                print(
                    f"   CPU microseconds of the worker a request: A {cost[predict]:.0f}, "
                    f"B {cost[static]:.0f}; the load generator was {runner.busiest:.2f} busy"
                )


if __name__ == "__main__":
    main()
