"""What the API costs a retrieval, how many it answers a second, and what a cached answer takes.

    python bench/rag_serving.py WORKSPACE INDEX QUESTIONS [--questions 200] [--seconds 5]

INDEX was built by `bench/rag.py`; QUESTIONS is a folder in BEIR's layout. The same questions are
found in this process, then asked of `mlwright rag serve` over one connection, which times them on
its own clock too (`timings_ms`); then 8 connections ask 2 workers, each its own share of them.
"""

import argparse
import http.client
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from mlwright.cli.output import table
from mlwright.core.workspace import Workspace
from mlwright.rag.answer import Question
from mlwright.rag.hosting import open_answerer
from mlwright.rag.index import Index
from mlwright.rag.questions import read_questions

CONNECTIONS, WORKERS, ROUNDS = 8, 2, 3


@contextmanager
def served(workspace, index, workers):
    """Serve an index on a free port, with a cache; give the port once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--workers", str(workers), "--enable-caching", "true"]
    command = [sys.executable, "-m", "mlwright", "rag", "serve", "--name", index, *options]
    process = subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not ready(port):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def asked(port, path, texts, until=None):
    """Ask over one connection, again and again until then; give seconds, and what was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    taken, answers = [], []
    while True:
        for text in texts:
            begun = time.perf_counter()
            connection.request("POST", path, json.dumps({"query": text}))
            response = connection.getresponse()
            body = response.read()
            taken.append(time.perf_counter() - begun)
            assert response.status == 200, body
            answers.append(json.loads(body))
        if until is None or time.perf_counter() > until:
            connection.close()
            return taken, answers


def found(answerer, texts):
    taken = []
    for text in texts:
        begun = time.perf_counter()
        answerer.retrieved(Question(text))
        taken.append(time.perf_counter() - begun)
    return taken


def one_connection(workspace, index, texts):
    answerer = open_answerer(workspace, Index.open(workspace, index))
    answerer.warm()
    inside, outside, own = [], [], []
    with served(workspace.folder.parent, index, 1) as port:
        asked(port, "/retrieve", texts[:8])
        for _ in range(ROUNDS):  # in turns, so that a slower minute is everybody's
            inside += found(answerer, texts)
            taken, answers = asked(port, "/retrieve", texts)
            outside += taken
            own += [answer["timings_ms"]["total"] / 1e3 for answer in answers]
        asked(port, "/query", texts[:1])
        cached, answers = asked(port, "/query", texts[:1] * 500)
        assert all(answer["cached"] for answer in answers)
    added = [after - before for after, before in zip(outside, own, strict=True)]
    yield timed("a retrieval, in this process", inside)
    yield timed("POST /retrieve, one connection", outside)
    yield timed("  of which the API, by the server's own clock", added)
    yield timed("POST /query, answered from the cache", cached)


def timed(what, taken):
    ms = np.array(taken) * 1e3
    return (what, f"{median(ms):.2f} ms", f"{np.percentile(ms, 95):.2f} ms", f"{len(ms):,}")


def many_connections(workspace, index, texts, seconds):
    with served(workspace.folder.parent, index, WORKERS) as port:
        asked(port, "/retrieve", texts[:16])
        begun = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            shares = [texts[place::CONNECTIONS] for place in range(CONNECTIONS)]
            ends = [begun + seconds] * CONNECTIONS
            paths, ports = ["/retrieve"] * CONNECTIONS, [port] * CONNECTIONS
            taken = [each for one, _ in pool.map(asked, ports, paths, shares, ends) for each in one]
        rate = len(taken) / (time.perf_counter() - begun)
        yield timed(f"{CONNECTIONS} connections, {WORKERS} workers: {rate:.0f} a second", taken)


def main():
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("workspace", type=Path)
    reader.add_argument("index")
    reader.add_argument("questions", type=Path)
    reader.add_argument("--questions", type=int, default=200, dest="count")
    reader.add_argument("--seconds", type=float, default=5)
    given = reader.parse_args()
    workspace = Workspace.create(given.workspace)
    texts = [each.text for each in read_questions(given.questions)][: given.count]
    rows = [*one_connection(workspace, given.index, texts)]
    rows += many_connections(workspace, given.index, texts, given.seconds)
    table(("what", "median", "p95", "n"), rows)


if __name__ == "__main__":
    main()
