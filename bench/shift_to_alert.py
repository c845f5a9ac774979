"""How long from the first shifted request to the alert: a real server, a watch, and a sink.

Run: python bench/shift_to_alert.py [--interval 20] [--rounds 2] [--rows-a-second 100]
The traffic shifts just after a window has ended, which is the longest way to an alert; it is back
when the alert has come, and the next round begins when the alert has been resolved.
Wall seconds; the whole is slow on a machine that does other things.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl

from mlwright.testing.sinks import HttpSink

BEYOND = 10.0
BATCH = 50
LONGEST = 300.0


def run(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "mlwright", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def rows(rng: np.random.Generator, count: int, shift: float) -> dict[str, np.ndarray]:
    return {"x": rng.normal(shift, 1, count), "age": rng.normal(40, 10, count)}


def deploy(folder: Path) -> str:
    """Train on made rows, serve them, and return the server's address."""
    rng = np.random.default_rng(0)
    table = rows(rng, 4000, 0.0)
    left = rng.random(4000) < 1 / (1 + np.exp(-table["x"]))
    pl.DataFrame(table).with_columns(left=pl.Series(left)).write_csv(folder / "train.csv")
    run("train", "--data", "train.csv", "--target", "left", "--name", "churn", folder=folder)
    said = run("deploy", "churn", "production", "--port", "0", "--json", folder=folder)
    return str(json.loads(said)["url"])


class Traffic(threading.Thread):
    """Asks the server at a steady rate; `shift` moves one feature, and is noted when it is sent."""

    def __init__(self, url: str, rate: float) -> None:
        super().__init__(daemon=True)
        self.url, self.pause = f"{url}/predict", BATCH / rate
        self.shift = 0.0
        self.first_shifted: float | None = None
        self.stop = threading.Event()

    def run(self) -> None:
        rng = np.random.default_rng(1)
        while not self.stop.wait(self.pause):
            shift = self.shift
            drawn = rows(rng, BATCH, shift)
            records = [
                dict(zip(drawn, row, strict=True))
                for row in np.column_stack([*drawn.values()]).tolist()
            ]
            body = json.dumps({"records": records}).encode()
            if shift and self.first_shifted is None:
                self.first_shifted = time.monotonic()
            request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
            urllib.request.urlopen(request, timeout=30).read()

    def change(self, shift: float) -> None:
        self.first_shifted, self.shift = None, shift


def posted(sink: HttpSink, before: int) -> dict[str, object]:
    """Wait for the next thing that the sink is told, and return it."""
    end = time.monotonic() + LONGEST
    while len(sink.bodies) <= before:
        if time.monotonic() > end:
            raise SystemExit(f"nothing was told within {LONGEST:g} s")
        sink.arrived.wait(0.5)
        sink.arrived.clear()
    found: dict[str, object] = sink.bodies[before]
    return found


def lines_of(process: subprocess.Popen[str]) -> queue.Queue[str]:
    said: queue.Queue[str] = queue.Queue()
    assert process.stdout
    reader = threading.Thread(target=lambda out: [said.put(x) for x in out], args=(process.stdout,))
    reader.daemon = True
    reader.start()
    return said


def ok(said: queue.Queue[str]) -> None:
    """Wait until a check has found nothing."""
    while json.loads(said.get(timeout=LONGEST))["verdict"] != "ok":
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interval", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows-a-second", type=float, default=100.0)
    asked = parser.parse_args()
    bar = asked.interval + BEYOND
    with tempfile.TemporaryDirectory() as place, HttpSink() as sink:
        folder = Path(place)
        (folder / "mlwright.yaml").write_text(
            f"alerts:\n  channels:\n    - {{type: webhook, url: {sink.url!r}}}\n"
        )
        run("init", folder=folder)
        url = deploy(folder)
        traffic = Traffic(url, asked.rows_a_second)
        traffic.start()
        command = [sys.executable, "-m", "mlwright", "monitor", "watch", "production", "--json"]
        command += ["--check-interval", f"{asked.interval:g}"]
        watch = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        said = lines_of(watch)
        try:
            for number in range(1, asked.rounds + 1):
                ok(said)
                told = len(sink.bodies)
                traffic.change(1.0)
                alert = posted(sink, told)
                assert traffic.first_shifted is not None
                taken = time.monotonic() - traffic.first_shifted
                word = "within" if taken <= bar else "BEYOND"
                print(
                    f"round {number}: {taken:.1f} s from the first shifted request to the alert "
                    f"({alert['kind']}), {word} {asked.interval:g} + {BEYOND:g} s",
                    flush=True,
                )
                traffic.change(0.0)
                while posted(sink, told + 1)["status"] != "resolved":
                    told += 1
        finally:
            watch.terminate()
            watch.wait(30)
            traffic.stop.set()
            run("stop", "--all", folder=folder)


if __name__ == "__main__":
    main()
