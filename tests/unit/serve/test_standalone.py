from __future__ import annotations

import socket

import pytest

from mlwright.core.errors import Busy, ConfigError
from mlwright.serve.standalone import listen, reserve


def test_a_port_in_use_is_busy():
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(Busy) as caught:
            listen("127.0.0.1", port)
    assert str(caught.value) == f"port {port} of 127.0.0.1 is in use by another process"
    assert caught.value.hint == "choose another with --port, or --port 0 for a free one"


def test_a_host_of_another_machine_is_refused():
    with pytest.raises(ConfigError, match=r"^192\.0\.2\.1:8000 cannot be listened on: "):
        listen("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("bound", "option"),
    [
        (lambda port: listen("127.0.0.1", port, option="--admin-port"), "--admin-port"),
        (lambda port: reserve("127.0.0.1", port), "--grpc-port"),
    ],
)
def test_a_port_that_is_taken_names_its_own_option(bound, option):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Busy) as told:
        bound(taken.getsockname()[1])
    assert told.value.hint == f"choose another with {option}, or {option} 0 for a free one"
