"""A server on loopback that answers JSON to JSON, and fails when it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Said = tuple[int, Any]
"""A status and what goes out as JSON; None is an empty body."""


@dataclass(frozen=True)
class Asked:
    """One request; headers by their small names, a query's values in lists."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    size: int


@dataclass
class Trouble:
    """What goes wrong next: statuses with headers, one a request; or a wait before each answer."""

    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    wait: float = 0.0


@contextmanager
def json_server(answer: Callable[[Asked], Said], trouble: Trouble) -> Iterator[str]:
    """Serve until the block is left, and give the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(data) if data else None
            asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, body, len(data))
            more: dict[str, str] = {}
            time.sleep(trouble.wait)
            if trouble.refusals:
                status, more = trouble.refusals.pop(0)
                said: Any = {"message": "not now"}
            else:
                status, said = answer(asked)
            out = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **more}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
