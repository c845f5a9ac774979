"""An endpoint that is slow in ways that a socket's own time limit does not see."""

import socket
import threading
import time

import numpy as np
import pytest

from mlwright.bundle.foreign import Foreign
from mlwright.bundle.manifest import to_bytes
from mlwright.bundle.runtimes.endpoint import load
from mlwright.bundle.trust import NOTHING
from mlwright.core.errors import RemoteError
from mlwright.core.signature import Column, Signature

SIGNATURE = Signature((Column("a", "number"),), "binary", "y", (0, 1))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"


def test_an_answer_that_drips_is_not_waited_for():
    ended = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(HEAD)
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        facts = {"url": f"http://127.0.0.1:{port}/p", "contract": "records", "timeout": 0.3}
        endpoint = load(Foreign(to_bytes({**facts, "token": None}), SIGNATURE, {}, NOTHING))
        started = time.monotonic()
        try:
            with pytest.raises(RemoteError, match=r"did not answer within 0\.3 s$"):
                endpoint.scores({"a": np.zeros(1)})
        finally:
            ended.set()
            thread.join()
    assert time.monotonic() - started < 5
