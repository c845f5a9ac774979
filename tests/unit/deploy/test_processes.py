from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlwright.core.errors import Busy, UserError
from mlwright.deploy import processes

HOLDER = """
import signal, sys, time
from pathlib import Path
from mlwright.deploy.processes import claim
if len(sys.argv) > 2:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "supervisor.pid"


def hold(path: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(path), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    with hold(path) as process:
        yield process
        process.kill()


def test_a_process_is_alive_while_it_holds_its_lock(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    assert processes.living(path) == holder.pid
    with pytest.raises(Busy) as caught:
        processes.claim(path)
    assert str(caught.value) == "supervisor runs already"
    holder.kill()
    holder.wait()
    assert processes.living(path) is None


def test_the_number_of_another_process_does_not_deceive(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(f'{{"pid": {os.getpid()}}}')
    assert processes.living(path) is None


@pytest.mark.parametrize("text", ["", "{", '{"pid": "x"}', '{"pid": -1}', "[]", "3"])
def test_a_damaged_pid_file_is_nobody(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    assert processes.living(path) is None
    assert processes.living(path.with_name("none")) is None


def test_who_does_not_listen_is_killed(path: Path) -> None:
    with hold(path, "stubborn") as process:
        processes.end([path], grace=0.1)
        assert process.wait() == -9
    assert not path.exists()


def test_who_listens_ends_by_itself(path: Path, holder: subprocess.Popen[str]) -> None:
    processes.end([path], grace=10.0)
    assert holder.wait() == -15


def test_the_socket_folder_is_private_and_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = processes.socket_folder(Path("/somewhere/" + "deep/" * 40))
    assert len(folder.name) < 40
    assert folder.stat().st_mode & 0o777 == 0o700
    assert processes.socket_folder(Path("/somewhere/" + "deep/" * 40)) == folder
    folder.chmod(0o755)
    with pytest.raises(UserError) as caught:
        processes.socket_folder(Path("/somewhere/" + "deep/" * 40))
    assert str(caught.value) == f"{folder} is not a private folder of yours"


def test_a_port_is_taken_once_unless_it_is_shared() -> None:
    with processes.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(Busy) as caught:
            processes.listen("127.0.0.1", port)
        assert str(caught.value) == f"port {port} of 127.0.0.1 is in use by another process"
        processes.listen("127.0.0.1", port, shared=True).close()


def test_a_strangers_port_is_not_shared() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger, pytest.raises(Busy):
        processes.listen("127.0.0.1", stranger.getsockname()[1], shared=True)


def test_a_host_that_is_not_ours_is_named() -> None:
    with pytest.raises(UserError) as caught:
        processes.listen("192.0.2.1", 0)
    assert str(caught.value).startswith("192.0.2.1:0 cannot be listened on: ")


def test_a_lock_says_who_lives_in_a_container_whose_numbers_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "worker.pid"
    assert not processes.held(path)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not processes.held(path)  # it is just being made: looking would take the lock
        file.write('{"pid": 1}')
        file.flush()
        assert processes.held(path)
        assert processes.living(path.with_name("none")) is None
    assert not processes.held(path)
