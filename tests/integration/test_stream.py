"""Streams, on a real Redis: nothing is lost, whatever dies."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlwright.core.workspace import Workspace
from mlwright.testing.target import sample_bundle
from mlwright.track import models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    workspace = Workspace.create(folder)
    models.register(workspace, "churn", sample_bundle(workspace.bundles, slope=0.3))
    return folder


@pytest.fixture
def row(folder: Path) -> dict[str, Any]:
    samples = models.resolve(Workspace.find(folder), "churn").bundle / "samples.json"
    return dict(json.loads(samples.read_bytes())[0]["features"])


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    import redis

    client = redis.Redis.from_url(redis_url, protocol=2)
    yield client
    client.close()


@pytest.fixture
def stream() -> str:
    return f"rows-{uuid.uuid4().hex[:8]}"


GROUP = "mlwright:churn"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(folder: Path, redis_url: str, stream: str) -> Iterator[Start]:
    """Starts consumers, each of which has read nothing when this returns."""
    with contextlib.ExitStack() as stack:

        def begin(*options: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "mlwright", "predict", "churn", "--json"]
            command += ["--stream", f"{redis_url}/{stream}", "--workspace", str(folder)]
            process = stack.enter_context(
                subprocess.Popen(
                    [*command, *options],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stderr is not None
            line = process.stderr.readline()
            assert "answers the messages" in line, line
            return process

        yield begin


def stopped(process: subprocess.Popen[str]) -> dict[str, int]:
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    return json.loads(out)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(client: Any, stream: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for _, fields in client.xrange(f"{stream}:predictions"):
        found.setdefault(fields[b"message"].decode(), []).append(json.loads(fields[b"answer"]))
    return found


def fill(client: Any, stream: str, count: int, row: dict[str, Any]) -> set[str]:
    pipeline = client.pipeline()
    for _ in range(count):
        pipeline.xadd(stream, {"row": json.dumps(row)})
    return {each.decode() for each in pipeline.execute()}


def test_messages_are_answered_logged_and_acknowledged(client, stream, start, folder, row, capsys):
    sent = fill(client, stream, 300, row)
    client.xadd(stream, {"row": json.dumps(row), "request_id": "mine", "key": "customer 1"})
    bad = client.xadd(stream, {"row": json.dumps({**row, next(iter(row)): "SECRET"})}).decode()
    client.xadd(stream, {"row": json.dumps(row), "request_id": "mine", "key": "customer-1"})
    process = start("--log", str(folder / stream))
    until(lambda: client.xlen(f"{stream}:predictions") == 301)
    done = stopped(process)
    assert (done["answered"], done["refused"], done["taken_over"]) == (301, 2, 0)
    found = answers(client, stream)
    assert sent < set(found)
    assert all(len(each) == 1 for each in found.values())
    assert found[min(sent)][0]["request_id"] == min(sent)
    assert client.xpending(stream, "mlwright:churn")["pending"] == 0
    text = "".join(path.read_text() for path in (folder / stream).glob("predictions-*"))
    lines = [json.loads(line) for line in text.splitlines()]
    assert {each["request_id"] for each in lines} == sent | {"mine"}
    assert {each["key"] for each in lines} == {None, "customer-1"}
    refused = dict(client.xrange(f"{stream}:refused"))
    kinds = [fields[b"kind"] for fields in refused.values()]
    assert sorted(kinds) == [b"header", b"signature"]
    whole = json.dumps([[v.decode() for v in fields.values()] for fields in refused.values()])
    assert bad in whole
    assert "must be a number, got text" in whole
    assert "SECRET" not in whole + text
    assert "customer 1" not in whole


def test_kill_nine_in_mid_work_loses_nothing(client, stream, start, folder, row):
    log = str(folder / stream)
    first = start("--log", log, "--claim-after", "1")
    second = start("--log", log, "--claim-after", "1")
    sent = fill(client, stream, 3000, row)
    until(lambda: client.xlen(f"{stream}:predictions") > 600)
    first.send_signal(signal.SIGSTOP)  # in the midst of it; and then no more
    held = {each["name"]: each["pending"] for each in client.xinfo_consumers(stream, GROUP)}
    first.kill()
    assert first.wait() == -signal.SIGKILL
    until(lambda: client.xinfo_groups(stream)[0]["lag"] == 0)
    until(lambda: client.xpending(stream, GROUP)["pending"] == 0)
    assert stopped(second)["taken_over"] <= max(held.values())
    found = answers(client, stream)
    assert set(found) == sent
    assert {each["request_id"] for each in (row for rows in found.values() for row in rows)} == sent
    logged: set[str] = set()
    for path in Path(log).glob("predictions-*"):
        logged |= {json.loads(line)["request_id"] for line in path.read_text().splitlines()}
    assert logged == sent


def test_what_a_dead_consumer_left_is_taken_over(client, stream, start, row):
    client.xgroup_create(stream, GROUP, "0", mkstream=True)
    sent = fill(client, stream, 5, row)
    assert client.xreadgroup(GROUP, "dead", {stream: ">"}, count=3)
    worst = min(sent)
    for _ in range(6):  # five more have died of it
        client.xclaim(stream, GROUP, "dead", 0, [worst])
    time.sleep(1.1)  # the clock is Redis' own
    process = start("--claim-after", "1")
    until(lambda: client.xpending(stream, GROUP)["pending"] == 0)
    until(lambda: client.xlen(f"{stream}:predictions") == 4)
    done = stopped(process)
    assert (done["answered"], done["refused"], done["taken_over"]) == (4, 1, 3)
    assert set(answers(client, stream)) == sent - {worst}
    ((_, fields),) = client.xrange(f"{stream}:refused")
    assert fields[b"message"].decode() == worst
    assert b"whoever had it died of it" in fields[b"error"]


def test_a_redis_that_is_full_is_waited_for(client, stream, start, row):
    client.xgroup_create(stream, GROUP, "0", mkstream=True)
    sent = fill(client, stream, 300, row)
    client.config_set("maxmemory", 1)
    try:
        process = start()
        assert "Redis refuses" in process.stderr.readline()
        assert client.xlen(f"{stream}:predictions") == 0
    finally:
        client.config_set("maxmemory", 0)
    until(lambda: client.xlen(f"{stream}:predictions") == 300)
    assert stopped(process)["answered"] == 300
    assert {name: len(each) for name, each in answers(client, stream).items()} == dict.fromkeys(
        sent, 1
    )


def test_connections_are_made_anew_and_old_answers_go(client, stream, start, row):
    process = start("--max-length", "100")
    fill(client, stream, 50, row)
    until(lambda: client.xlen(f"{stream}:predictions") == 50)
    client.client_kill_filter(_type="normal", skipme=True)
    client.delete(stream)  # and with it the group
    fill(client, stream, 700, row)
    until(lambda: client.xlen(f"{stream}:predictions") > 50)
    until(lambda: client.xinfo_groups(stream)[0]["lag"] == 0)
    until(lambda: client.xpending(stream, GROUP)["pending"] == 0)
    assert stopped(process)["answered"] == 750
    assert 100 <= client.xlen(f"{stream}:predictions") < 300
