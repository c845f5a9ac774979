"""The first file of a workspace: a `mlwright.yaml` that says what can be said."""

from __future__ import annotations

from pathlib import Path

import yaml

from .files import write_atomic
from .settings import FILE
from .workspace import Workspace

_TEMPLATE = """\
# What mlwright does here. Every key has a default; `mlwright config show` prints them all.
{model}
environments:
  production:
    platform: local
    port: {port:<17} # 0 takes a free one
    workers: 1
    strategy: canary       # for every version after the first
    canary_percentage: 10
    guards: {{error_rate: 1%, p95: +10%}}

alerts:
  channels:
    - {{type: file, path: alerts.txt}}
"""


def start(
    root: Path,
    *,
    data: Path | None = None,
    target: str | None = None,
    name: str | None = None,
    holdout: float | None = None,
    port: int = 8080,
) -> Workspace:
    """Make a workspace, and a commented `mlwright.yaml` unless one is there already."""
    workspace = Workspace.create(root)
    path = workspace.root / FILE
    if not path.exists():
        given = {
            "name": name,
            "dataset": str(data) if data else None,
            "target": target,
            "holdout": holdout,
        }
        model = {key: value for key, value in given.items() if value is not None}
        section = yaml.safe_dump({"model": model}, sort_keys=False) if model else _EMPTY_MODEL
        write_atomic(path, _TEMPLATE.format(model=section, port=port))
    return workspace


_EMPTY_MODEL = """\
# model:
#   dataset: customers.csv
#   target: churned
"""
