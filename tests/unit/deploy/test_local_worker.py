from __future__ import annotations

import asyncio
from pathlib import Path

from mlwright.deploy.targets.local_worker import LocalWorker
from mlwright.serve.worker import WorkerSpec


def worker(tmp_path: Path) -> LocalWorker:
    """A worker whose bundle is not there."""
    spec = WorkerSpec(
        bundle=str(tmp_path / "none"),
        model="tiny",
        version=1,
        environment="staging",
        log_folder=str(tmp_path / "log"),
        socket=str(tmp_path / "w.sock"),
        pid_file=str(tmp_path / "w.pid"),
    )
    return LocalWorker(spec, tmp_path / "w.json", tmp_path / "workers.log")


def test_a_worker_that_cannot_start_is_tried_again_ever_slower(tmp_path: Path) -> None:
    one = worker(tmp_path)

    async def run() -> None:
        while one.deaths < 2:
            await one.keep()
            await asyncio.sleep(0.02)
        before = one.deaths
        for _ in range(10):  # within the second that it now waits
            await one.keep()
        assert one.deaths == before
        await one.end(grace=1.0)

    asyncio.run(run())
    assert (one.ready, one.last_death) == (False, "exit code 2")
    assert "bundle" in (tmp_path / "workers.log").read_text()
    assert not (tmp_path / "w.json").exists()


def test_what_is_not_ready_is_told_nothing(tmp_path: Path) -> None:
    one = worker(tmp_path)
    asyncio.run(one.tell({"release": None}, accept=True))
    assert (one.routes, one.accepting) == (None, False)
