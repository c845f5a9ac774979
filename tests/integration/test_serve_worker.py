"""Worker processes as they run: real sockets, real signals, real kills."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.errors import RemoteError
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile
from mlwright.serve.client import Client, Response

BODY = b'{"records":[{"tenure":3}]}'


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    signature = Signature((Column("tenure", "number"),), "binary", "churn", ("No", "Yes"))
    columns = {"tenure": np.linspace(0, 70, 20)}
    source = LinearSource(np.array([0.1]), 0.0, "logistic")
    draft = Draft(
        name="churn",
        signature=signature,
        plan=Plan((NumberStep("tenure", 0.0),)),
        source=source,
        algorithm="linear",
        profile=profile(columns, signature),
        card="",
        check_columns=columns,
        samples=[{"tenure": 3}],
        threshold=0.5,
    )
    return write(draft, tmp_path_factory.mktemp("bundles"))


class Place:
    """A folder with short paths, a listening socket, and the workers started there."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.bundle = bundle
        self.folder = folder
        self.log = folder / "log"
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def unix(self, version: int = 1) -> str:
        return str(self.folder / f"{version}.sock")

    def start(self, version: int = 1, **options: Any) -> subprocess.Popen[bytes]:
        preexec = options.pop("preexec_fn", None)
        spec = {
            "bundle": str(self.bundle.path),
            "model": "churn",
            "version": version,
            "environment": "production",
            "log_folder": str(self.log),
            "socket": self.unix(version),
            "pid_file": str(self.folder / f"{version}.pid"),
            "listen_fd": self.sock.fileno(),
            "parent_pid": os.getpid(),
            "accept": True,
            **options,
        }
        path = self.folder / f"{version}.json"
        path.write_text(json.dumps(spec))
        errors = (self.folder / f"{version}.err").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "mlwright.serve.worker", str(path)],
            pass_fds=[self.sock.fileno()],
            stderr=errors,
            preexec_fn=preexec,
        )
        errors.close()
        self.processes.append(process)
        return process

    def errors(self, version: int = 1) -> str:
        return (self.folder / f"{version}.err").read_text()

    async def ready(self, version: int = 1) -> None:
        async with Client(self.unix(version)) as client, asyncio.timeout(30):
            while True:
                with contextlib.suppress(RemoteError):
                    await client.request("GET", "/health/ready")
                    return
                await asyncio.sleep(0.01)

    async def control(self, version: int, path: str, value: Any) -> Any:
        async with Client(self.unix(version)) as client:
            body = json.dumps(value).encode()
            response = await client.request("POST", f"/control/{path}", body)
            assert response.status == 200, response.body
            return response.json()

    def lines(self, stem: str = "predictions") -> list[dict[str, Any]]:
        found = []
        for path in self.log.glob(f"{stem}-*.jsonl"):
            whole = path.read_bytes().rpartition(b"\n")[0]
            found += [json.loads(text) for text in whole.splitlines()]
        return found

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.sock.close()


@pytest.fixture
def place(bundle):
    with tempfile.TemporaryDirectory(prefix="mlw-") as folder:
        place = Place(bundle, Path(folder))
        yield place
        place.close()


class Strict:
    """A client that repeats nothing: it leaves a connection only when told to close."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, request_id: str) -> Response:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST /predict HTTP/1.1\r\nhost: x\r\nx-request-id: {request_id}\r\n"
        self.writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        found = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(text.split(": ", 1) for text in found[1:] if text)
        body = await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            await self.close()
        return Response(int(found[0].split()[1]), headers, body)

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            with contextlib.suppress(ConnectionError):
                await self.writer.wait_closed()
            self.writer = None


def test_every_answer_before_a_kill_is_in_the_log(place):
    process = place.start()
    answered: list[str] = []

    async def load(name: int) -> None:
        client = Strict(place.port)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            for count in range(100_000):
                request_id = f"{name}-{count}"
                assert (await client.post(request_id)).status == 200
                answered.append(request_id)
        await client.close()

    async def run() -> None:
        await place.ready()
        tasks = [asyncio.create_task(load(name)) for name in range(16)]
        while len(answered) < 1500:
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    logged = [line["request_id"] for line in place.lines()]
    assert len(answered) >= 1500
    assert set(answered) <= set(logged)
    assert len(logged) == len(set(logged))


def test_a_full_disk_is_503_and_loud_and_loses_nothing(place):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    place.start(preexec_fn=small_files)

    async def run() -> tuple[list[str], int]:
        await place.ready()
        client, good, refused = Strict(place.port), [], 0
        for count in range(150):
            response = await client.post(f"r{count}")
            if response.status == 200:
                good.append(f"r{count}")
            else:
                assert response.status == 503
                wanted = {"error": {"reason": "the prediction log cannot be written"}}
                assert response.json() == wanted
                refused += 1
        await client.close()
        return good, refused

    good, refused = asyncio.run(run())
    assert good
    assert refused
    assert [line["request_id"] for line in place.lines()] == good
    (path,) = place.log.glob("predictions-*.jsonl")
    assert path.read_bytes().endswith(b"}\n")
    assert "cannot be written: File too large; make room on that disk" in place.errors()


def test_a_switch_under_load_fails_not_one_request(place):
    place.start(1)
    place.start(2, accept=False)
    statuses: list[tuple[int, str]] = []
    going = True

    async def load(name: int) -> None:
        client, count = Strict(place.port), 0
        while going:
            count += 1
            response = await client.post(f"{name}-{count}")
            statuses.append((response.status, response.headers["x-model-version"]))
            if count % 20 == 0:
                await client.close()  # new connections, too, arrive all the time
        await client.close()

    async def more(count: int) -> None:
        wanted = len(statuses) + count
        while len(statuses) < wanted:
            await asyncio.sleep(0.005)

    async def run() -> None:
        nonlocal going
        await asyncio.gather(place.ready(1), place.ready(2))
        tasks = [asyncio.create_task(load(name)) for name in range(8)]
        await more(300)
        await place.control(2, "accept", {"accept": True})
        await place.control(1, "accept", {"accept": False})
        candidate = {"version": 2, "socket": place.unix(2), "weight": 1.0}
        await place.control(1, "routes", {"release": None, "candidate": candidate})
        switched.append(len(statuses) + len(tasks))  # what is under way may still be the old one's
        await more(300)
        place.processes[0].terminate()
        await more(300)
        going = False
        await asyncio.gather(*tasks)

    switched: list[int] = []
    asyncio.run(run())
    assert len(statuses) >= 900
    assert {status for status, _ in statuses} == {200}
    assert {version for _, version in statuses} == {"1", "2"}
    assert {version for _, version in statuses[switched[0] :]} == {"2"}
    assert place.processes[0].wait(10) == 0
    assert not Path(place.unix(1)).exists()


def test_a_worker_that_does_not_accept_leaves_connections_to_others(place):
    place.start(accept=False)

    async def run() -> int:
        await place.ready()
        client = Strict(place.port)
        waiting = asyncio.create_task(client.post("r1"))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await place.control(1, "accept", {"accept": True})
        response = await waiting
        status = await place.control(1, "accept", {"accept": False})
        assert status["accepting"] is False
        assert (await client.post("r2")).headers["connection"] == "close"
        await client.close()
        return response.status

    assert asyncio.run(run()) == 200


def test_sigterm_lets_what_is_under_way_end(place):
    process = place.start()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> Response:
        await place.ready()
        server = await asyncio.start_unix_server(hang, place.folder / "hang.sock")
        candidate = {"version": 2, "socket": str(place.folder / "hang.sock"), "weight": 1.0}
        routes = {"release": 1, "candidate": candidate, "deadline_ms": 1200}
        await place.control(1, "routes", routes)
        client = Strict(place.port)
        slow = asyncio.create_task(client.post("slow"))
        async with Client(place.unix()) as control:
            while (await control.request("GET", "/control/status")).json()["inflight"] == 0:
                await asyncio.sleep(0.01)
        process.terminate()
        response = await slow
        await client.close()
        server.close()
        return response

    response = asyncio.run(run())
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert process.wait(10) == 0
    assert [line["route"] for line in place.lines()] == ["fallback"]
    assert place.errors() == ""


def test_the_pid_file_is_locked_while_the_worker_lives(place):
    process = place.start()
    asyncio.run(place.ready())
    with (place.folder / "1.pid").open() as file:
        assert json.load(file) == {"pid": process.pid, "version": 1, "socket": place.unix()}
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        second = place.start()
        assert second.wait(30) == 2
        assert "is held by a worker that lives" in place.errors()
        process.kill()
        process.wait()
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_worker_whose_parent_is_gone_does_not_begin(place):
    process = place.start(parent_pid=1)
    assert process.wait(30) == 0
    assert not Path(place.unix()).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bundle": "/nowhere"}, "/nowhere"),
        ({"socket": "/" + "x" * 150}, "its path must be shorter than 100 characters"),
        ({"nonsense": 1}, "not a worker's spec: Object contains unknown field `nonsense`"),
    ],
)
def test_what_cannot_start_says_why_without_a_traceback(place, options, message):
    assert place.start(**options).wait(30) == 2
    assert message in place.errors()
    assert "Traceback" not in place.errors()


def test_a_candidate_process_that_is_killed_costs_nothing(place):
    place.start(1)
    place.start(2, accept=False)

    async def run() -> list[Response]:
        await asyncio.gather(place.ready(1), place.ready(2))
        candidate = {"version": 2, "socket": place.unix(2), "weight": 0.5}
        await place.control(1, "routes", {"release": 3, "salt": "s", "candidate": candidate})
        async with Client(place.url) as client:
            found = []
            for count in range(200):
                headers = {"x-routing-key": f"k{count}", "x-request-id": f"r{count}"}
                found.append(await client.request("POST", "/predict", BODY, headers))
                if count == 100:
                    place.processes[1].kill()
        return found

    found = asyncio.run(run())
    assert {response.status for response in found} == {200}
    outcomes = place.lines("outcomes")
    assert len(outcomes) == 200
    failed = [outcome for outcome in outcomes if not outcome["ok"]]
    assert len(failed) > 20
    assert all(outcome["candidate"] for outcome in failed)
    routes = [line["route"] for line in place.lines()]
    assert set(routes) == {"champion", "candidate", "fallback"}
    assert {line["request_id"] for line in place.lines()} == {f"r{each}" for each in range(200)}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{", 413),
        (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{{{", 400),
        (b"POST /predict HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /%ff%00/../etc HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /control/status HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    ],
)
def test_garbage_is_4xx_and_the_worker_lives(place, raw, status):
    place.start()

    async def run() -> bytes:
        await place.ready()
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(raw)
        line = await reader.readline()
        writer.close()
        client = Strict(place.port)
        assert (await client.post("after")).status == 200
        await client.close()
        return line

    assert int(asyncio.run(run()).split()[1]) == status
    assert "Traceback" not in place.errors()


def test_the_way_of_a_request_imports_no_framework():
    code = (
        "import sys, mlwright.serve.worker as w; "
        "heavy = {'pandas', 'polars', 'pydantic', 'starlette', 'fastapi', 'scipy', 'sklearn', "
        "'mlflow', 'sqlalchemy', 'lightgbm', 'yaml'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def serve_command(
    place: Place, port: int, workers: int = 2, *, more: str = ""
) -> subprocess.Popen[bytes]:
    code = f"""
from pathlib import Path
from mlwright.core.errors import MlwrightError
from mlwright.serve.standalone import Served, serve
from mlwright.track.models import ModelVersion
version = ModelVersion("churn", 4, Path({str(place.bundle.path)!r}), None, 0.0)
try:
    served = Served(port={port}, workers={workers}, log_folder=Path({str(place.log)!r}){more})
    serve(None, version, served, say=lambda text: print(text, flush=True))
except MlwrightError as exc:
    print(type(exc).__name__, exc, exc.hint, flush=True)
    raise SystemExit(exc.exit_code)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    place.processes.append(process)
    return process


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_serve_in_the_foreground(place):
    process = serve_command(place, 0)
    said = process.stdout.readline().decode()
    assert said.startswith("churn:4 answers on http://127.0.0.1:")
    url = said.split()[3].removesuffix("/predict;")
    workers = children(process.pid)
    assert len(workers) == 2

    async def ask() -> Response:
        async with Client(url) as client:
            return await client.request("POST", "/predict", BODY)

    assert asyncio.run(ask()).json()["predictions"][0]["model_version"] == 4
    process.terminate()
    assert process.wait(15) == 0
    assert gone(workers)
    assert len(place.lines()) == 1
    process.stdout.close()


def test_keys_and_a_port_of_its_own_for_the_counts_of_all_workers(place, monkeypatch):
    monkeypatch.setenv("A_KEY", "secret")
    process = serve_command(place, 0, more=', api_keys=("env:A_KEY",), admin_port=0')
    said = process.stdout.readline().decode().split()
    url, admin = said[3].removesuffix("/predict;"), said[-1].removesuffix("/metrics")

    async def run() -> str:
        statuses = []
        for count in range(20):
            async with Client(url) as client:  # a connection each: both workers take some
                key = {"authorization": "Bearer secret"} if count else {}
                statuses.append((await client.request("POST", "/predict", BODY, key)).status)
        assert statuses == [401] + [200] * 19
        async with Client(url) as client:
            key = {"x-api-key": "secret"}
            assert (await client.request("GET", "/metrics", headers=key)).status == 404
            assert (await client.request("GET", "/health/ready")).status == 200
        async with Client(admin) as client, asyncio.timeout(10):
            assert (await client.request("POST", "/predict", BODY)).status == 404
            while True:
                text = (await client.request("GET", "/metrics")).body.decode()
                if 'mlwright_rows_total{version="4"} 19' in text:
                    return text
                await asyncio.sleep(0.1)

    text = asyncio.run(run())
    assert 'mlwright_requests_total{status="401"} 1' in text
    process.terminate()
    assert process.wait(15) == 0
    process.stdout.close()


def test_workers_end_with_a_foreground_that_is_killed(place):
    process = serve_command(place, 0)
    process.stdout.readline()
    workers = children(process.pid)
    process.kill()
    process.wait()
    assert gone(workers)
    process.stdout.close()


def test_a_port_in_use_is_named(place):
    process = serve_command(place, place.port)
    said = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 2
    assert said == (
        f"Busy port {place.port} of 127.0.0.1 is in use by another process "
        "choose another with --port, or --port 0 for a free one\n"
    )
