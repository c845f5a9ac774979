from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from mlwright.serve.early import Early, told


def test_a_worker_that_is_told_nothing_is_gone():
    with Early() as early:
        assert early.process.poll() is None
    assert early.process.returncode is not None


def test_one_that_is_told_something_is_the_callers(capfd):
    with socket.create_server(("127.0.0.1", 0)) as sock, Early() as early:
        process = early.tell(b"{}", [sock.fileno()])
    assert process.wait(60) == 2
    said = capfd.readouterr().err
    assert said == "what was told: not a worker's spec: Object missing required field `bundle`\n"


def test_one_whose_starter_died_ends_by_itself():
    early = Early()
    early._told.close()
    assert early.process.wait(60) == 0


def test_a_long_spec_and_its_sockets_arrive(tmp_path):
    spec = b"x" * 300_000
    ours, theirs = socket.socketpair()

    def tell(file):
        with ours:
            socket.send_fds(ours, [spec[:10]], [file])
            ours.sendall(spec[10:])

    with (tmp_path / "a").open("w") as file:
        telling = threading.Thread(target=tell, args=(file.fileno(),))
        telling.start()
        text, (number,) = told(theirs.detach())
        telling.join()
    assert text == spec
    os.write(number, b"here")
    os.close(number)
    assert (tmp_path / "a").read_text() == "here"


def test_it_imports_nothing_heavy():
    heavy = {"asyncio", "msgspec", "numpy"}
    code = f"import sys, mlwright.serve.early; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
