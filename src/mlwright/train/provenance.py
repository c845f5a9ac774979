"""Where a run came from: the table, the seed, the code."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit that a folder stands on and whether it was changed, or nothing.

    Nothing, when there is no git, no repository, or no commit.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = _git(folder, "status", "--porcelain")
    return {"git_commit": commit, "git_dirty": "false" if changed == "" else "true"}


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
