"""Rollouts with real processes and faults: `python bench/rollout.py [PART ...]`.

- switches: blue-green switches and rollbacks under a steady load; no request may fail or be
  answered by a version that had no traffic; how long a rollback takes to be seen.
- containers: the same on the platform docker, by podman, on a base image of this Python.
- kills: `kill -9` of a worker, the supervisor or the deployer at random moments; the service goes
  on, the state is consistent, and no answered request is missing from the log.
- faults: scripted deployments with a fault each; every one ends live or fully undone.

Everything is made in a temporary folder and stopped at the end; seeds are fixed. Each figure is
printed beside what the project promises; the exit code is 1 when one is not reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from mlwright.bundle import manifest
from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import MlwrightError, RemoteError
from mlwright.core.workspace import Workspace
from mlwright.deploy import processes, release
from mlwright.deploy.image import pins
from mlwright.deploy.status import supervisor_file
from mlwright.serve.client import Client
from mlwright.testing.base_image import base_image, podman_settings
from mlwright.testing.target import sample_bundle
from mlwright.track import models

ENVIRONMENT = "production"
FASTEST = {"local": 500.0, "docker": 100.0}  # requests a second that switches are promised under
BASE = "localhost/mlwright-bench-base:1"
SETTINGS = f"""
environments:
  {ENVIRONMENT}:
    platform: docker
    platform_options: {{engine: podman, base: "{BASE}"}}
"""
KINDS = ("worker", "supervisor", "deployer")


@dataclass
class Answer:
    """One request as its sender saw it."""

    sent: float
    ended: float
    status: int
    version: int
    request_id: str


@dataclass
class Load:
    """Requests at a steady rate on kept connections, from a thread of its own."""

    url: str
    rate: float
    connections: int = 16
    answers: list[Answer] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(seed) for seed in range(self.connections)))

    async def _one(self, seed: int) -> None:
        rng, pause = random.Random(seed), self.connections / self.rate
        due = time.monotonic() + rng.random() * pause
        async with Client(self.url) as client:
            while not self._stop.is_set():
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += pause
                body = json.dumps({"records": [{"x": rng.uniform(-10, 10)}]}).encode()
                headers = {"x-routing-key": f"k{rng.randrange(100_000)}"}
                sent = time.monotonic()
                try:
                    got = await client.request("POST", "/predict", body, headers)
                except RemoteError as exc:
                    self.failures.append((sent, str(exc)))
                    continue
                version, name = (got.headers.get(f"x-{n}", "") for n in _NAMES)
                now = time.monotonic()
                self.answers.append(Answer(sent, now, got.status, int(version or 0), name))

    def failed(self) -> int:
        """Return how many requests had no answer, or one that was no success."""
        return len(self.failures) + sum(answer.status != 200 for answer in self.answers)


_NAMES = ("model-version", "request-id")


@contextmanager
def workspace(settings: str = "") -> Iterator[Workspace]:
    """Give a workspace with two versions of `tiny`, and stop everything afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mlwright.yaml").write_text(settings)
        made = Workspace.create(Path(folder))
        for slope in (0.1, 0.2):
            models.register(made, "tiny", sample_bundle(made.bundles, slope=slope))
        try:
            yield made
        finally:
            release.stop_all(made)


def logged(made: Workspace) -> set[str]:
    """Return the request ids of the prediction log."""
    folder = made.environment(ENVIRONMENT) / "log"
    found = set()
    for path in folder.glob("predictions-*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                found.add(json.loads(line)["request_id"])
            except ValueError:
                continue  # the half line of a process that was killed
    return found


def containers(count: int, rate: float) -> bool:
    """Do the same with containers, whose base image is made of this Python."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= podman_settings(Path(folder))
        base_image("podman", BASE, packages=[pin.partition("==")[0] for pin in pins(["mlwright"])])
        try:
            return switches(count, rate, platform="docker")
        finally:
            subprocess.run(["podman", "rmi", "--all", "--force"], check=False, capture_output=True)


def switches(count: int, rate: float, *, platform: str = "local") -> bool:
    """Switch to version 2 and roll back, again and again."""
    with workspace(SETTINGS if platform == "docker" else "") as made:
        url = release.deploy(made, "tiny:1", ENVIRONMENT, workers=2).url
        assert url
        took: list[float] = []
        spans: list[tuple[float, float]] = []  # when version 2 may answer
        with Load(url, rate) as load:
            time.sleep(1.0)
            for _ in range(count):
                began = time.monotonic()
                release.deploy(made, "tiny:2", ENVIRONMENT, strategy="blue_green")
                time.sleep(0.3)
                asked = time.monotonic()
                release.rollback(made, ENVIRONMENT)
                # Its last answer, as the users see it.
                time.sleep(1.2)
                last = max((a.sent for a in load.answers if a.version == 2), default=asked)
                took.append(max(0.0, last - asked))
                spans.append((began, time.monotonic()))
        wrong = sum(
            answer.version == 2 and not any(a <= answer.ended <= b for a, b in spans)
            for answer in load.answers
        )
        second = sum(answer.version == 2 for answer in load.answers)
        missing = len({a.request_id for a in load.answers} - logged(made))
    print(
        f"{platform}: {count} there and {count} back, {len(load.answers):,} requests at "
        f"{len(load.answers) / load.seconds:,.0f} a second, {second:,} by the second version; "
        f"{load.failed()} failed, {wrong} mis-routed, {missing} not in the log; rollback seen "
        f"after {max(took):.2f} s at most, median {sorted(took)[len(took) // 2]:.2f} s "
        f"(promised: 0, 0, 0, 1 s, at {FASTEST[platform]:g} a second)"
    )
    for _, text in load.failures[:3]:
        print(f"  {text}")
    fast = len(load.answers) / load.seconds >= min(FASTEST[platform], 0.95 * rate)
    return load.failed() + wrong + missing == 0 and max(took) <= 1.0 and fast


def kills(count: int, rate: float, seed: int) -> bool:
    """Kill something at random moments of a life of switches, canaries and rollbacks."""
    rng = random.Random(seed)
    with workspace() as made:
        url = release.deploy(made, "tiny:1", ENVIRONMENT, workers=2).url
        assert url
        gaps: dict[str, list[float]] = {kind: [] for kind in KINDS}
        lost = 0
        inconsistent = []
        with Load(url, rate) as load:
            for number in range(count):
                kind = rng.choice(KINDS)
                target = 2 if release.status(made, ENVIRONMENT).versions[0].version == 1 else 1
                deployer = deploying(made, f"tiny:{target}")
                time.sleep(rng.uniform(0.0, 2.5))
                struck = time.monotonic()
                strike(made, kind, deployer, rng)
                deployer.wait()
                if problem := settled(made):
                    inconsistent.append(f"{number} {kind}: {problem}")
                gaps[kind].append(gap(load, struck))
                print(".", end="", flush=True)
        print()
        missing = {a.request_id for a in load.answers if a.status == 200} - logged(made)
        lost = len(missing)
    share = load.failed() / max(1, len(load.answers) + len(load.failures))
    longest = {kind: max(found, default=0.0) for kind, found in gaps.items()}
    told = ", ".join(f"{longest[kind]:.2f} s of {len(gaps[kind])} {kind}s" for kind in KINDS)
    print(
        f"kills: {count}, {len(load.answers):,} requests; longest gap {told}; "
        f"{load.failed()} unanswered ({share:.2%}), {lost} answered and lost from the log, "
        f"{len(inconsistent)} inconsistent (promised: 1 s, 0 lost, 0 inconsistent)"
    )
    for line in inconsistent:
        print(f"  {line}")
    return not lost and not inconsistent and max(longest.values()) <= 1.0


def deploying(made: Workspace, ref: str) -> subprocess.Popen[bytes]:
    """Start a deployer of its own."""
    command = [sys.executable, "-m", "mlwright", "deploy", ref, ENVIRONMENT, "--yes"]
    command += ["--strategy", "blue_green", "--workspace", str(made.root)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def strike(
    made: Workspace, kind: str, deployer: subprocess.Popen[bytes], rng: random.Random
) -> None:
    """Kill one process."""
    run = made.environment(ENVIRONMENT) / "run"
    if kind == "deployer":
        deployer.kill()
    elif kind == "supervisor":
        kill(processes.living(supervisor_file(made.environment(ENVIRONMENT))))
    else:
        living = [n for path in run.glob("worker-*.pid") if (n := processes.living(path))]
        kill(rng.choice(living) if living else None)


def kill(number: int | None) -> None:
    """Kill a process that may have ended."""
    if number is not None:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            return


def settled(made: Workspace) -> str:
    """Go on with what was begun, and say what is wrong then."""
    try:
        release.resume(made, ENVIRONMENT, timeout=60)
    except MlwrightError as exc:
        return f"not resumed: {exc}"
    if not processes.wait_until(lambda: whole(made), 20):
        found = release.status(made, ENVIRONMENT)
        return f"{found.outcome}, {[(v.version, v.state, v.workers) for v in found.versions]}"
    return ""


def whole(made: Workspace) -> bool:
    """Say whether one version answers with all its workers and nothing is under way."""
    found = release.status(made, ENVIRONMENT)
    first = found.versions[0]
    under_way = found.release is not None and found.release.under_way
    return not under_way and first.state == "answering" and first.workers == 2


def gap(load: Load, since: float) -> float:
    """Return the longest time without a good answer since then, but for the newest moment."""
    ends = sorted(a.ended for a in load.answers if a.ended >= since - 1 and a.status == 200)
    return max((b - a for a, b in pairwise(ends)), default=0.0)


FAULTS = ("none", "port taken", "damaged bundle", "lying bundle", "no bundle", "worker killed")


def faults(count: int, seed: int) -> bool:
    """Deploy again and again with a fault each; every one ends live or undone."""
    rng = random.Random(seed)
    bad: list[str] = []
    seen = {"live": 0, "undone": 0}
    with workspace() as made:
        release.deploy(made, "tiny:1", ENVIRONMENT)
        for number in range(count):
            fault = FAULTS[number % len(FAULTS)] if number < len(FAULTS) else rng.choice(FAULTS)
            before = answering(made)
            try:
                ended = faulty(made, fault, rng)
            except MlwrightError as exc:
                ended = f"refused: {type(exc).__name__}"
            after = answering(made)
            if ended == "live" and after is not None:
                seen["live"] += 1
            elif after == before:
                seen["undone"] += 1
            else:
                bad.append(f"{number} {fault}: {ended}, {before} before, {after} after")
            print(".", end="", flush=True)
        print()
        whole_now = processes.wait_until(lambda: answering(made) is not None, 10)
    print(
        f"faults: {count} deployments, {seen['live']} live, {seen['undone']} undone, {len(bad)} "
        "neither (promised: 0)"
    )
    for line in bad:
        print(f"  {line}")
    return not bad and whole_now


def answering(made: Workspace) -> int | None:
    """Return the version that answers over HTTP, or None."""

    async def ask(url: str) -> int:
        async with Client(url) as client:
            body = b'{"records":[{"x":1.0}]}'
            response = await client.request("POST", "/predict", body, timeout=5)
            return int(response.headers["x-model-version"])

    url = release.status(made, ENVIRONMENT).url
    try:
        return asyncio.run(ask(url)) if url else None
    except RemoteError:
        return None


def faulty(made: Workspace, fault: str, rng: random.Random) -> str:
    """Deploy a new version with a fault, and return its outcome."""
    bundle = sample_bundle(made.bundles, slope=rng.uniform(0.05, 0.9))
    if fault == "lying bundle":
        bundle = lying(made, bundle, sample_bundle(made.bundles, slope=-0.5))
    version = models.register(made, "tiny", bundle)
    if fault == "damaged bundle":
        with (bundle.path / "samples.json").open("ab") as file:
            file.write(b" ")
    if fault == "no bundle":
        bundle.path.rename(bundle.path.with_suffix(".gone"))
    if fault == "port taken":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            return release.deploy(made, str(version), "staging", port=port).outcome
    if fault == "worker killed":
        threading.Timer(rng.uniform(0.05, 1.0), lambda: newest(made, version.version)).start()
    strategy = rng.choice(("all_at_once", "blue_green"))
    return release.deploy(made, str(version), ENVIRONMENT, strategy=strategy, timeout=90).outcome


def lying(made: Workspace, one: Bundle, other: Bundle) -> Bundle:
    """Return a bundle whose stored predictions are those of another one."""
    known = {key: value for key, value in one.facts.items() if key not in ("format", "files")}
    files = {k: v for k, v in one.files.items() if k not in (manifest.MANIFEST, manifest.SEAL)}
    sealed = manifest.seal({**files, "samples.json": other.files["samples.json"]}, known)
    folder = made.bundles / sealed[manifest.SEAL].decode().strip()
    folder.mkdir(exist_ok=True)
    for name, data in sealed.items():
        (folder / name).write_bytes(data)
    return Bundle.open(folder)


def newest(made: Workspace, version: int) -> None:
    """Kill the workers of a version that is starting."""
    run = made.environment(ENVIRONMENT) / "run"
    for path in run.glob(f"worker-{version}-*.pid"):
        kill(processes.living(path))


def main() -> int:
    """Run the parts that were asked for; 1 when a figure was not reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["switches", "kills", "faults"])
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--rate", type=float, default=600.0, help="requests a second, on local")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    run: dict[str, Callable[[], bool]] = {
        "switches": lambda: switches(given.switches, given.rate),
        "kills": lambda: kills(given.kills, given.rate, given.seed),
        "faults": lambda: faults(given.faults, given.seed),
        "containers": lambda: containers(given.switches, 120.0),
    }
    if unknown := set(given.parts) - run.keys():
        parser.error(f"the parts are {', '.join(run)}, not {', '.join(sorted(unknown))}")
    reached = [run[part]() for part in given.parts]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
