"""Where a run came from: the code, the packages, the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What can change the last digit of a model, and ourselves.
_PACKAGES = (
    "mlwright",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "polars",
    "scikit-learn",
    "scipy",
    "skops",
    "torch",
    "xgboost",
    "xgboost-cpu",
)


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit that a folder stands on and whether it was changed, or nothing.

    Nothing, when there is no git, no repository, or no commit.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = _git(folder, "status", "--porcelain")
    return {"git_commit": commit, "git_dirty": "false" if changed == "" else "true"}


def environment_tags() -> dict[str, str]:
    """Return Python, the exact packages that make models, and the hardware.

    >>> "numpy" in json.loads(environment_tags()["packages"])
    True
    """
    return {
        "python": platform.python_version(),
        "packages": json.dumps(_installed(), sort_keys=True),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cpus": str(os.cpu_count()),
    }


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    """Return the processor's model, which decides what instructions the libraries choose."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
