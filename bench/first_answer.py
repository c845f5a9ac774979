"""From the start of `mlwright serve NAME` to its first 200, and the memory of its worker.

`python bench/first_answer.py WORKSPACE NAME [ROUNDS]`. Wall-clock seconds mean something on a quiet
machine alone; CPU seconds, of the command and its worker together, on any.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return sock.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def memory(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def once(workspace: str, name: str) -> tuple[float, float, float]:
    """Return seconds to the first 200, CPU seconds, and megabytes of the worker."""
    port = free_port()
    command = [sys.executable, "-m", "mlwright", "serve", name, "--port", str(port)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=workspace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not answers(port):
        if process.poll() is not None:
            raise SystemExit(f"it ended with {process.returncode}")
        time.sleep(0.002)
    seconds = time.perf_counter() - started
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    megabytes = memory(int(children[0]))
    process.terminate()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, megabytes


def main() -> None:
    workspace, name, *rounds = sys.argv[1:]
    found = sorted(once(workspace, name) for _ in range(int(rounds[0]) if rounds else 5))
    seconds, cpu, megabytes = found[len(found) // 2]
    print(
        f"first 200 after {seconds:.2f} s (from {found[0][0]:.2f} to {found[-1][0]:.2f} in "
        f"{len(found)} rounds; {cpu:.2f} CPU seconds); worker {megabytes:.0f} MB; "
        f"load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
