"""Weights & Biases itself: the one module that imports it, run as a process (`wandb_process`).

Reads a run a line from standard input, and answers each with a line: {} or {"error", "refused"}.
It ends when its input does, at whatever it then is, and with it the process that W&B starts.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

_START = 20
"""Seconds in which a server must have answered."""


def main() -> None:
    """Tell W&B of runs until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever W&B prints is no answer
    runs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(runs,), daemon=True).start()
    while line := runs.get():
        answer = _told(json.loads(line))
        runs.get()  # the mark that it is unanswered
        print(json.dumps(answer), file=answers)
    wandb.teardown()


def _listen(runs: queue.SimpleQueue[str | None]) -> None:
    """Hand lines on; when the input ends with one unanswered, nobody is there to hear of it."""
    for line in sys.stdin:
        runs.put(line)
        runs.put("")
    if not runs.empty():
        os._exit(1)
    runs.put(None)


def _told(run: Mapping[str, Any]) -> dict[str, Any]:
    absent = [path for path in _paths(run) if not Path(path).exists()]
    if absent:
        return {"error": f"{absent[0]} is no longer there", "refused": True}
    try:
        _tell(run)
    except Exception as exc:  # W&B lets errors of protobuf, requests and others through
        return {"error": f"W&B: {str(exc).partition(chr(10))[0]}", "refused": False}
    return {}


def _paths(run: Mapping[str, Any]) -> list[str]:
    return [*run["files"], *(model["folder"] for model in run["models"])]


def _tell(run: Mapping[str, Any]) -> None:
    for left in Path("wandb").glob(f"offline-run-*-{run['id']}"):
        shutil.rmtree(left)  # of a process that was killed
    with wandb.init(
        id=run["id"],
        project=run["project"],
        entity=run["entity"],
        name=run["name"],
        group=run["group"],
        job_type=run["name"].partition(" ")[0],
        config={**run["params"], "mlwright": run["tags"]},
        resume="allow",
        settings=_settings(run["started"]),
    ) as opened:
        opened.log(dict(run["metrics"]))
        opened.summary.update({"status": run["status"], "reason": run["tags"].get("reason", "")})
        for file in run["files"]:
            opened.save(file, base_path=str(Path(file).parent), policy="now")
        for model in run["models"]:
            made = wandb.Artifact(model["name"], "model", metadata={"version": model["version"]})
            made.add_dir(model["folder"], policy="immutable")
            opened.log_artifact(made, aliases=[f"version-{model['version']}", *model["aliases"]])
        opened.finish(exit_code=0 if run["status"] == "finished" else 1)


def _settings(started: float) -> wandb.Settings:
    return wandb.Settings(
        console="off",
        silent=True,
        init_timeout=_START,
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_start_time=started,
    )


if __name__ == "__main__":
    main()
