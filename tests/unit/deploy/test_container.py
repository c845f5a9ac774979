from __future__ import annotations

import fcntl
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.core.errors import RemoteError
from mlwright.deploy.engine import Engine
from mlwright.deploy.processes import wait_until
from mlwright.deploy.targets.container import Container, LeftContainer, signalled

# `run` does what its last argument says; `kill` writes down what it was asked.
ENGINE = """#!/bin/sh
case $1 in
  run) eval "$2" ;;
  kill) echo "$@" >> {kills}; exit {code} ;;
esac
"""


@pytest.fixture
def engine(tmp_path: Path) -> Callable[[int], Engine]:
    def made(code: int = 0) -> Engine:
        path = tmp_path / "podman"
        path.write_text(ENGINE.format(kills=tmp_path / "kills", code=code))
        path.chmod(0o755)
        return Engine(str(path))

    return made


def started(engine: Engine, folder: Path, does: str) -> Container:
    arguments = lambda: [does]  # noqa: E731
    return Container(engine, "tiny-v1", folder / "w.pid", folder / "workers.log", arguments)


def ended(run: Container | LeftContainer) -> str | None:
    wait_until(lambda: run.ended() is not None, 5.0)
    return run.ended()


@pytest.mark.parametrize(
    ("does", "how"),
    [
        ("exit 0", "exit code 0"),
        ("exit 2", "exit code 2"),
        ("exit 139", "signal 11"),
        ("echo before; echo Error: no such network >&2; exit 125",
         "podman's refusal (Error: no such network)"),
        ("exit 125", "exit code 125"),
    ],
)  # fmt: skip
def test_how_it_ended_is_what_the_engine_says(
    engine: Callable[..., Engine], tmp_path: Path, does: str, how: str
) -> None:
    (tmp_path / "workers.log").write_text("of another one\n")
    assert ended(started(engine(), tmp_path, does)) == how


def test_what_cannot_be_prepared_is_an_end_with_its_reason(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    def refuse() -> list[str]:
        raise RemoteError("the image t:1 cannot be built: no base")

    run = Container(engine(), "tiny-v1", tmp_path / "w.pid", tmp_path / "workers.log", refuse)
    assert ended(run) == "a failure (the image t:1 cannot be built: no base)"


def test_a_command_that_was_killed_is_not_its_container(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    """While the worker holds its lock, it lives."""
    pid_file = tmp_path / "w.pid"
    run = started(engine(), tmp_path, "exec sleep 30")
    client = run._client.result(5)
    with pid_file.open("w") as file:
        file.write('{"pid": 7}')
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        client.kill()
        client.wait()
        assert run.ended() is None
    assert run.ended() == "signal 9"


def test_it_is_sent_a_signal_by_name(engine: Callable[..., Engine], tmp_path: Path) -> None:
    run = started(engine(), tmp_path, "exec sleep 30")
    client = run._client.result(5)
    run.kill(signal.SIGTERM)
    kills = tmp_path / "kills"
    assert wait_until(lambda: kills.exists() and kills.read_text() != "", 5.0)
    assert kills.read_text() == "kill --signal SIGTERM tiny-v1\n"
    client.kill()
    client.wait()


def test_what_is_ended_before_it_begins_does_not_begin(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    def slow() -> list[str]:
        wait_until(lambda: (tmp_path / "go").exists(), 5.0)
        return [f"touch {tmp_path / 'began'}"]

    run = Container(engine(), "tiny-v1", tmp_path / "w.pid", tmp_path / "workers.log", slow)
    run.kill(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert ended(run) == "a failure (it was ended before it began)"
    assert not (tmp_path / "began").exists()


def test_one_that_was_left_lives_while_its_lock_is_held(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    pid_file = tmp_path / "w.pid"
    left = LeftContainer(engine(), "tiny-v1", pid_file)
    assert left.ended() == "an unknown signal"
    with pid_file.open("w") as file:
        file.write('{"pid": 1}')
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert left.ended() is None
    assert left.ended() == "an unknown signal"


def test_a_container_that_is_gone_takes_no_signal(engine: Callable[..., Engine]) -> None:
    assert signalled(engine(0), "tiny-v1", signal.SIGKILL)
    assert not signalled(engine(1), "tiny-v1", signal.SIGKILL)
