"""mlwright beside what else serves a model: FastAPI by hand, MLServer, BentoML, MLflow, LitServe.

    python bench/peers.py [--cache FOLDER] [--only NAME] [--rounds N] [--seconds S] [--check]

Every server gets the same two models, one worker, one thread a model, the same load generator
(`bench/load.py`) and requests in its own contract. Its answers are compared with the model's first.
Each measured round runs mlwright and the peer in turn, so that the ratio holds on a machine that
drifts. mlwright writes its prediction log and counts its metrics meanwhile. The peers' packages
are installed below the cache, by pip; `--check` only proves that all answer rightly.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pair import compare

HERE = Path(__file__).parent
CODE = HERE / "peer_servers"
SHARED = ("pandas==3.1.1", "scikit-learn==1.9.1", "numpy==2.4.6")
BOOSTER = "xgboost-cpu==3.2.0"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Peer:
    """One server: what is installed, how it starts, and how it is spoken to."""

    name: str
    packages: tuple[str, ...]
    shown: tuple[str, ...]
    start: Callable[[Path, Path, str, int], tuple[list[str], Path]]
    path: str
    body: Callable[[str, Rows], Any]
    read: Callable[[Any], list[float]]


def of_rows(_workload: str, rows: Rows) -> Any:
    return {"records": rows}


def fastapi(binaries: Path, _folder: Path, _workload: str, port: int) -> tuple[list[str], Path]:
    command = [f"{binaries}/uvicorn", "fastapi_app:app", "--port", str(port)]
    return [*command, "--log-level", "warning", "--no-access-log"], CODE


def bentoml(binaries: Path, _folder: Path, _workload: str, port: int) -> tuple[list[str], Path]:
    command = [f"{binaries}/bentoml", "serve", "bento_service:Predictor", "--port", str(port)]
    return [*command, "--host", "127.0.0.1"], CODE


def litserve(binaries: Path, _folder: Path, _workload: str, port: int) -> tuple[list[str], Path]:
    return [f"{binaries}/python", str(CODE / "lit_server.py"), str(port)], CODE


def mlflow(binaries: Path, folder: Path, workload: str, port: int) -> tuple[list[str], Path]:
    saved = folder / f"{workload}.mlflow"
    if not saved.exists():
        make = [f"{binaries}/python", str(CODE / "mlflow_model.py")]
        run([*make, str(folder / f"{workload}.joblib"), str(saved)], cwd=folder)
    command = [f"{binaries}/mlflow", "models", "serve", "-m", str(saved), "--port", str(port)]
    return [*command, "--env-manager", "local", "--workers", "1"], folder


def mlserver(binaries: Path, folder: Path, workload: str, port: int) -> tuple[list[str], Path]:
    where = folder / f"{workload}.mlserver"
    where.mkdir(exist_ok=True)
    settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings |= {"parallel_workers": 0, "host": "127.0.0.1", "debug": False}
    floats = workload == "floats"
    model = {
        "name": "m",
        "implementation": "mlserver_xgboost.XGBoostModel"
        if floats
        else "mlserver_model.Probability",
        "parameters": {"uri": str(folder / ("floats.json" if floats else "mixed.joblib"))},
    }
    (where / "settings.json").write_text(json.dumps(settings))
    (where / "model-settings.json").write_text(json.dumps(model))
    return [f"{binaries}/mlserver", "start", str(where)], CODE


def of_mlserver(workload: str, rows: Rows) -> Any:
    if workload == "floats":
        data = [value for row in rows for value in row.values()]
        tensor = {"name": "x", "shape": [len(rows), 20], "datatype": "FP64", "data": data}
        return {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}
    inputs = []
    for name, value in rows[0].items():
        kind = "BYTES" if isinstance(value, str) else "FP64"
        data = [row[name] for row in rows]
        tensor = {"name": name, "shape": [len(rows), 1], "datatype": kind, "data": data}
        inputs.append(tensor | ({"parameters": {"content_type": "str"}} if kind == "BYTES" else {}))
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def from_mlserver(answer: Any) -> list[float]:
    output = answer["outputs"][0]
    return output["data"][1::2] if output["name"] == "predict_proba" else output["data"]


PEERS = (
    Peer(
        "FastAPI + pandas",
        ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *SHARED, BOOSTER),
        ("fastapi", "uvicorn"),
        fastapi,
        "/predict",
        of_rows,
        lambda answer: answer["probability"],
    ),
    Peer(
        "MLServer",
        (
            "mlserver==1.7.1",
            "mlserver-xgboost==1.7.1",
            "mlserver-sklearn==1.7.1",
            "uvloop<0.22",  # with 0.22 its workers crash in a loop
            *SHARED,
            "xgboost==3.2.0",
        ),
        ("mlserver",),
        mlserver,
        "/v2/models/m/infer",
        of_mlserver,
        from_mlserver,
    ),
    Peer(
        "BentoML",
        ("bentoml==1.4.39", *SHARED, BOOSTER),
        ("bentoml",),
        bentoml,
        "/predict",
        of_rows,
        lambda answer: answer,
    ),
    Peer(
        "mlflow models serve",
        ("mlflow==3.17.2", *SHARED, BOOSTER),
        ("mlflow",),
        mlflow,
        "/invocations",
        lambda _workload, rows: {"dataframe_records": rows},
        lambda answer: answer["predictions"],
    ),
    Peer(
        "LitServe",
        ("litserve==0.2.19", *SHARED, BOOSTER),
        ("litserve",),
        litserve,
        "/predict",
        of_rows,
        lambda answer: answer["probability"],
    ),
)


def ours(folder: Path, workload: str, port: int) -> tuple[list[str], Path]:
    """Return the command of mlwright for a registered model, made at the first call."""
    workspace = folder / "workspace"
    if not (workspace / f"{workload}.made").exists():
        make_bundle(folder, workspace, workload)
        (workspace / f"{workload}.made").touch()
    command = [str(Path(sys.executable).parent / "mlwright"), "serve", workload]
    return [*command, "--port", str(port)], workspace


MLWRIGHT = Peer(
    "mlwright",
    (),
    (),
    lambda _binaries, folder, workload, port: ours(folder, workload, port),
    "/predict",
    of_rows,
    lambda answer: [each["probability"] for each in answer["predictions"]],
)


def make_bundle(folder: Path, root: Path, workload: str) -> None:
    """Package one of the models, and register it."""
    from mlwright.bundle.plan import NumberStep, OneHotStep, Plan
    from mlwright.bundle.sources import FileSource, LinearSource, Source
    from mlwright.bundle.write import Draft, write
    from mlwright.core.signature import Column, Signature
    from mlwright.core.workspace import Workspace
    from mlwright.profile.make import profile
    from mlwright.track.models import register

    root.mkdir(exist_ok=True)
    workspace = Workspace.create(root)
    rows = known(folder, workload)["rows"]
    inputs = tuple(
        Column(name, "category" if isinstance(value, str) else "number")
        for name, value in rows[0].items()
    )
    if workload == "floats":
        model = json.loads((folder / "floats.json").read_text())
        model["learner"] |= {"feature_names": [], "feature_types": []}  # the bundle has its own
        data = json.dumps(model).encode()
        source: Source = FileSource("xgboost", "model.json", data, ("numpy", "xgboost"))
        steps: list[Any] = [NumberStep(column.name) for column in inputs]
    else:
        fitted = json.loads((folder / "mixed.json").read_text())
        source = LinearSource(np.array(fitted["coefficients"]), fitted["intercept"], "logistic")
        scaled = zip(inputs, fitted["mean"], fitted["scale"], strict=False)
        steps = [NumberStep(c.name, None, mean, scale) for c, mean, scale in scaled]
        texts = zip(inputs[8:], fitted["categories"], strict=True)
        steps += [OneHotStep(c.name, tuple(each)) for c, each in texts]
    columns = {
        c.name: np.array([row[c.name] for row in rows], object if c.kind == "category" else float)
        for c in inputs
    }
    signature = Signature(inputs, "binary", "y", (0, 1))
    bundle = write(
        Draft(
            name=workload,
            signature=signature,
            plan=Plan(tuple(steps)),
            source=source,
            algorithm="bench",
            profile=profile(columns, signature),
            card="",
            check_columns=columns,
            samples=rows[:3],
            threshold=0.5,
        ),
        workspace.bundles,
    )
    register(workspace, workload, bundle)


@functools.cache
def known(folder: Path, workload: str) -> Any:
    return json.loads((folder / f"{workload}.rows").read_text())


class Running:
    """A server that answers rightly, how long it took to its first answer, and its memory."""

    def __init__(self, peer: Peer, cache: Path, workload: str) -> None:
        self.peer, self.workload, self.cache = peer, workload, cache
        self.port = free_port()
        command, where = peer.start(environment(peer, cache), cache, workload, self.port)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=where,
            env=variables(cache, workload, command),
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait(started + 120)
            self.cold = time.perf_counter() - started
            self._check()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        every = self._processes()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in every:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self._output.close()

    def memory(self) -> float:
        """Return the megabytes of all its processes, shared pages counted by their share."""
        total = 0
        for process in self._processes():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1000

    def _processes(self) -> list[int]:
        """Return the process that was started, and all that came of it."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = [self._process.pid]
        for parent in found:  # grows while it is read
            found += [process for process, its in parents.items() if its == parent]
        return found

    def request(self, count: int) -> bytes:
        """Return the bytes of a request of so many rows."""
        body = self._body(count)
        head = f"POST {self.peer.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _body(self, count: int) -> bytes:
        rows = known(self.cache, self.workload)["rows"][:count]
        return json.dumps(self.peer.body(self.workload, rows)).encode()

    def _ask(self, count: int) -> list[float]:
        url = f"http://127.0.0.1:{self.port}{self.peer.path}"
        asked = urllib.request.Request(
            url, self._body(count), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return self.peer.read(json.load(answer))

    def _wait(self, deadline: float) -> None:
        while True:
            try:
                self._ask(1)
                return
            except (OSError, urllib.error.URLError) as exc:
                if self._process.poll() is not None or time.perf_counter() > deadline:
                    self._output.seek(0)
                    said = self._output.read().decode(errors="replace")[-2000:]
                    raise SystemExit(f"{self.peer.name} does not answer: {exc}\n{said}") from exc
            time.sleep(0.02)

    def _check(self) -> None:
        wanted = known(self.cache, self.workload)["probability"]
        for count in (1, 100):
            found = self._ask(count)
            if not np.allclose(found, wanted[:count], atol=1e-5):
                raise SystemExit(f"{self.peer.name} answers {self.workload} wrongly")


class Load:
    """Runs the generator against one server, and keeps the latencies of its last run."""

    def __init__(
        self, running: Running, folder: Path, rows: int, clients: int, seconds: float
    ) -> None:
        self._path = folder / f"{running.peer.name}.{rows}"
        self._path.write_bytes(running.request(rows))
        self._command = [sys.executable, str(HERE / "load.py"), str(running.port), str(clients)]
        self._command += ["100000000", str(seconds), str(self._path)]
        self.last: dict[str, float] = {}

    def rate(self) -> float:
        done = subprocess.run(self._command, check=True, capture_output=True, text=True)
        self.last = json.loads(done.stdout)
        if self.last["failed"]:
            raise SystemExit(f"{self.last['failed']:.0f} requests failed: {self._path.name}")
        return self.last["per_second"]


def environment(peer: Peer, cache: Path) -> Path:
    """Return the folder of a peer's programs, installing it first."""
    if not peer.packages:
        return Path(sys.executable).parent
    folder = cache / peer.name.split()[0].lower()
    made = folder / "installed"
    wanted = "\n".join(peer.packages)
    if not made.exists() or made.read_text() != wanted:
        print(f"installing {peer.name} below {folder}", file=sys.stderr)
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
        run([*pip, "install", *peer.packages])
        made.write_text(wanted)
    return folder / "bin"


def variables(cache: Path, workload: str, command: Sequence[str]) -> dict[str, str]:
    binaries = str(Path(command[0]).parent)
    return {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(CODE),
        "MODEL": str(cache / f"{workload}.joblib"),
        "WORKLOAD": workload,
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def versions(peer: Peer, cache: Path) -> str:
    if not peer.shown:
        from mlwright import __version__

        return __version__
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    python = environment(peer, cache) / "python"
    done = run([str(python), "-c", code, *peer.shown])
    return ", ".join(done.stdout.split())


def run(command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-2000:]}")
    return done


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


WORKLOADS = (("floats", 1, 32), ("mixed", 1, 32), ("floats", 100, 32), ("floats", 1, 1))


def measured(peers: Sequence[Peer], cache: Path, rounds: int, seconds: float) -> Iterator[str]:
    yield "| server | version | first answer s | memory MB | load | requests/s | p50 / p99 ms |"
    yield "|---|---|---|---|---|---|---|"
    for workload in ("floats", "mixed"):
        loads = [(rows, clients) for name, rows, clients in WORKLOADS if name == workload]
        with Running(MLWRIGHT, cache, workload) as here, tempfile.TemporaryDirectory() as name:
            for peer in peers:
                with Running(peer, cache, workload) as there:
                    for rows, clients in loads:
                        pair = [
                            Load(each, Path(name), rows, clients, seconds) for each in (here, there)
                        ]
                        ratio = compare(pair[0].rate, pair[1].rate, rounds=rounds)
                        what = f"{workload}, {rows} row{'s' * (rows > 1)}, {clients} clients"
                        for each, load, rates in zip(
                            (here, there), pair, (ratio.a, ratio.b), strict=True
                        ):
                            yield (
                                f"| {each.peer.name} | {versions(each.peer, cache)} | "
                                f"{each.cold:.2f} | {each.memory():.0f} | {what} | "
                                f"{np.median(rates):,.0f} | "
                                f"{load.last['p50_ms']:.2f} / {load.last['p99_ms']:.2f} |"
                            )
                        times = ratio.rounds
                        yield (
                            f"| mlwright / {peer.name} | | | | {what} | "
                            f"x{np.median(times):.1f} (x{times[0]:.1f} to x{times[-1]:.1f}, "
                            f"{rounds} rounds) | |"
                        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mlwright-peers")
    parser.add_argument("--only", help="peers whose name holds this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one load")
    parser.add_argument("--check", action="store_true", help="only prove that all answer rightly")
    given = parser.parse_args()
    cache = given.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [each for each in PEERS if (given.only or "").lower() in each.name.lower()]
    if not (cache / "mixed.json").exists():
        python = environment(PEERS[0], cache) / "python"
        run([str(python), str(CODE / "models.py"), str(cache)])
    if given.check:
        for peer in (MLWRIGHT, *wanted):
            for workload in ("floats", "mixed"):
                with Running(peer, cache, workload) as running:
                    found = f"{running.cold:.2f} s to the first answer, {running.memory():.0f} MB"
                    print(f"{peer.name} {versions(peer, cache)}: {workload} right; {found}")
        return
    for line in measured(wanted, cache, given.rounds, given.seconds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
