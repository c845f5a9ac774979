"""What a check costs: 1M rows of 30 columns against reading and sorting them; a log; many columns.

Run: python bench/monitor.py [--rows 1000000] [--log-rows 1000000] [--wide 1000] [--large 10000000]
     [--peer evidently=PYTHON --peer nannyml=PYTHON]
Times are wall seconds and, beside them, CPU seconds, for machines that are shared. A peer is run by
the Python of an environment of its own (evidently 0.7.23 with pandas 2.3.3, nannyml 0.13.1).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from mlwright.core.settings import Monitor
from mlwright.monitor.compare import compare
from mlwright.monitor.reference import of_sample
from mlwright.monitor.sources.files import Files
from mlwright.predictions.reader import read

NUMERIC, CATEGORIES = 20, 10


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def best(action: Callable[[], object], times: int = 3) -> tuple[float, float]:
    """Return the least wall and the least CPU seconds."""
    walls, cpus = [], []
    for _ in range(times):
        begin, used = time.perf_counter(), cpu() + cpu(resource.RUSAGE_CHILDREN)
        action()
        walls.append(time.perf_counter() - begin)
        cpus.append(cpu() + cpu(resource.RUSAGE_CHILDREN) - used)
    return min(walls), min(cpus)


def write(path: Path, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = np.array([f"cat_{k}" for k in range(12)])
    columns = {f"n{i}": rng.normal(0, 1, rows) for i in range(NUMERIC)}
    columns |= {
        f"c{i}": words[rng.choice(12, rows, p=np.arange(1, 13) / 78)] for i in range(CATEGORIES)
    }
    pl.DataFrame(columns).write_parquet(path)


def write_large(path: Path, rows: int, part: int = 1_000_000) -> None:
    """Write a table part by part, so that only what reads it needs memory."""
    parts = [path.with_suffix(f".{start}") for start in range(0, rows, part)]
    for number, one in enumerate(parts):
        write(one, min(part, rows - number * part), 5 + number)
    pl.scan_parquet(parts).sink_parquet(path)
    for one in parts:
        one.unlink()


def write_log(path: Path, rows: int) -> None:
    rng, encoder = np.random.default_rng(3), msgspec.json.Encoder()
    names = [f"n{i}" for i in range(NUMERIC)]
    with path.open("wb") as file:
        for start in range(0, rows, 10_000):
            values = rng.normal(0, 1, (min(10_000, rows - start), NUMERIC)).tolist()
            for place, row in enumerate(values, start):
                features = dict(zip(names, row, strict=True))
                features |= {f"c{i}": f"cat_{(place + i) % 12}" for i in range(CATEGORIES)}
                line = {"time": 1.7e9 + place / 10, "request_id": f"r{place}", "key": None}
                line |= {"model": "m", "version": 1, "features": features, "prediction": "Yes"}
                line |= {"score": 0.3, "latency_ms": 1.0, "route": "champion"}
                file.write(encoder.encode(line) + b"\n")


@contextlib.contextmanager
def row(name: str) -> Iterator[Callable[[tuple[float, float]], None]]:
    yield lambda found: print(f"{name:<46}{found[0]:>8.2f}{found[1]:>8.2f}", flush=True)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of commands: modules are compiled once, as installed ones are."""
    kept = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Return the wall and CPU seconds of a command, and its largest memory in MB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def beside(name: str, command: list[str], env: dict[str, str]) -> None:
    wall, used, memory = measured(command, env)
    print(f"{name:<46}{wall:>8.2f}{used:>8.2f}{memory:>8,.0f} MB", flush=True)


def check_command(current: Path, reference: Path) -> list[str]:
    command = [sys.executable, "-m", "mlwright", "monitor", "check", str(current)]
    return [*command, "--reference-data", str(reference)]


def read_and_sort(path: Path) -> None:
    table = pl.read_parquet(path)
    table.select(pl.col([f"n{i}" for i in range(NUMERIC)]).sort())


def whole_command(current: Path, reference: Path, env: dict[str, str]) -> None:
    command = check_command(current, reference)
    subprocess.run(command, check=True, capture_output=True, env=env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--log-rows", type=int, default=1_000_000)
    parser.add_argument("--wide", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000_000, help="rows; 0 leaves it out")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        current, reference = Path(folder) / "current.parquet", Path(folder) / "reference.parquet"
        write(reference, 100_000, 1)
        write(current, asked.rows, 2)
        env = environment(Path(folder))
        print(f"{'':<46}{'wall s':>8}{'CPU s':>8}")
        floor = best(lambda: read_and_sort(current))
        prepared = of_sample(Files(reference).sample(), "reference")
        inside = best(lambda: compare(Files(current).sample(), prepared, {}, Monitor()))
        whole_command(reference, reference, env)
        whole = best(lambda: whole_command(current, reference, env))
        for name, found in (
            (f"polars reads and sorts {asked.rows:,} rows", floor),
            ("check in process, reference prepared", inside),
            ("the whole command", whole),
        ):
            with row(name) as say:
                say(found)
        for name, found in (("in process", inside), ("whole", whole)):
            print(f"  {name}: {found[0] / floor[0]:.2f}x wall, {found[1] / floor[1]:.2f}x CPU")
        beside("the whole command, with its memory", check_command(current, reference), env)
        for peer in asked.peer:
            name, _, python = peer.partition("=")
            script = Path(__file__).parent / "peer_monitors" / f"{name}_drift.py"
            beside(name, [python, str(script), str(reference), str(current)], env)
        if asked.large:
            large = Path(folder) / "large.parquet"
            write_large(large, asked.large)
            beside(f"the whole command, {asked.large:,} rows", check_command(large, reference), env)
            large.unlink()
        log = Path(folder) / "log"
        log.mkdir()
        write_log(log / "predictions-1-1.jsonl", asked.log_rows)
        with row(f"log of {asked.log_rows:,} predictions, JSON lines") as say:
            say(best(lambda: read(log), 1))
        rng = np.random.default_rng(4)
        wide = [Path(folder) / f"wide{part}.parquet" for part in range(2)]
        for path in wide:
            columns = {f"x{i}": rng.normal(0, 1, 10_000) for i in range(asked.wide)}
            pl.DataFrame(columns).write_parquet(path)
        many = of_sample(Files(wide[0]).sample(), "reference")
        with row(f"{asked.wide:,} features, 10,000 rows") as say:
            say(best(lambda: compare(Files(wide[1]).sample(), many, {}, Monitor()), 1))
        print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


if __name__ == "__main__":
    main()
