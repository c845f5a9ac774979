"""The sender of loads against small servers on loopback."""

import contextlib
import socket
import threading
import time

import pytest

from mlwright.core.errors import ConfigError, RemoteError
from mlwright.serve.load import Server, send_at, send_in_turn

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.contextmanager
def serving(answer):
    """Answer every request on loopback, each connection in a thread; `answer` gives the bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection):
        with connection, contextlib.suppress(OSError):
            while connection.recv(4096):
                data = answer()
                if data is None:
                    return
                connection.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Server.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


class Stalling:
    """Answers at once but for one second, in which it answers nobody."""

    def __init__(self, begins, lasts=1.0):
        self.begins, self.lasts = time.monotonic() + begins, lasts

    def __call__(self):
        now = time.monotonic()
        if self.begins <= now < self.begins + self.lasts:
            time.sleep(self.begins + self.lasts - now)
        return OK


def test_a_server_that_stalls_for_a_second_shows_it():
    with serving(Stalling(0.7)) as server:
        load = send_at(server, [server.request("/")], 100, seconds=3, connections=4, poisson=False)
    assert (load.requests, load.failed) == (300, 0)
    assert 0.9 < load.latencies.largest < 1.3
    # A third of the requests were due while it stalled: evenly from 0 to 1 s late.
    assert load.latencies.percentile(60) < 0.1
    assert 0.2 < load.latencies.percentile(80) < 0.7
    assert load.latencies.percentile(95) > 0.7
    with serving(Stalling(0.7)) as server:  # waiting for answers hides it
        load = send_in_turn(server, [server.request("/")], seconds=2, connections=4)
    assert load.requests > 300
    assert load.latencies.percentile(95) < 0.1


def test_failures_are_counted_by_kind():
    answers = iter([b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", None, b"no http\r\n"])
    with serving(lambda: next(answers, OK)) as server:
        load = send_at(
            server, [server.request("/", b"{}")], 50, seconds=1, connections=1, poisson=False
        )
    assert load.requests == 50
    assert load.failures == {"HTTP 503": 1, "connection": 2}
    assert load.throughput == pytest.approx(47, rel=0.1)


def test_what_is_never_answered_is_given_up():
    def silent():
        time.sleep(1)
        return OK

    with serving(silent) as server:
        load = send_at(server, [server.request("/")], 20, seconds=0.5, connections=2, timeout=0.3)
    assert load.requests == load.failures["timeout"] == 10
    assert load.seconds < 1.2


def test_a_connection_that_the_server_closes_is_replaced():
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    with serving(lambda: closing) as server:
        load = send_in_turn(server, [server.request("/")], seconds=0.2, connections=2)
    assert load.requests > 5
    assert load.failed == 0


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = Server.of(f"http://127.0.0.1:{port}")
    with pytest.raises(RemoteError) as raised:
        send_at(server, [server.request("/")], 10, seconds=1, connections=1)
    assert str(raised.value).startswith(f"127.0.0.1:{port} cannot be reached: ")


@pytest.mark.parametrize("url", ["localhost:80", "ftp://x", "http://", "http://x:y"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError) as raised:
        Server.of(url)
    assert str(raised.value) == f"{url!r} is no address of a server"


def test_the_bytes_of_a_request():
    server = Server.of("https://[::1]")
    assert (server.port, server.secure) == (443, True)
    assert server.request("/p", b"{}", {"a": "b"}) == (
        b"POST /p HTTP/1.1\r\nhost: [::1]:443\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\na: b\r\n\r\n{}"
    )
    assert server.request("/p").startswith(b"GET /p HTTP/1.1\r\nhost: ")
