"""A load generator in one process: `python bench/load.py PORT CONNECTIONS COUNT SECONDS REQUEST`.

REQUEST is a file with the bytes of one HTTP request. Each connection sends it, waits for the whole
answer and sends it again, until COUNT answers came or SECONDS went by. It reads no more of an
answer than its length, so that it is faster than what it measures. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop


class Run:
    """What all connections of a run share."""

    def __init__(self, request: bytes, count: int) -> None:
        self.request = request
        self.left = count
        self.latencies: list[float] = []
        self.failed = 0
        self.done = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Connection(asyncio.Protocol):
    def __init__(self, run: Run) -> None:
        self.run = run
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.run.left <= 0:
            self.run.end()
            return
        self.run.left -= 1
        self.started = time.perf_counter()
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        self.data = self.data + data if self.data else data
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self.data.index(b"content-length: ") + 16
        length = int(self.data[start : self.data.index(b"\r", start)])
        if len(self.data) < head + 4 + length:
            return
        self.run.latencies.append(time.perf_counter() - self.started)
        if not self.data.startswith(b"HTTP/1.1 200"):
            self.run.failed += 1
        self.data = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.run.end()


async def load(port: int, connections: int, count: int, seconds: float, request: bytes) -> dict:
    run = Run(request, count)
    loop = asyncio.get_running_loop()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    loop.call_later(seconds, run.end)
    await run.done
    took = time.perf_counter() - started
    ordered = sorted(run.latencies)
    return {
        "requests": len(ordered),
        "failed": run.failed,
        "per_second": len(ordered) / took,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
        "busy": (time.process_time() - cpu) / took,
    }


def main() -> None:
    port, connections, count, seconds, request = sys.argv[1:]
    data = Path(request).read_bytes()
    found = uvloop.run(load(int(port), int(connections), int(count), float(seconds), data))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
