"""Where a search begins: at the parameters of a run that did well before."""

from __future__ import annotations

from typing import Any

from mlwright.core.errors import ConfigError
from mlwright.core.workspace import Workspace
from mlwright.track.records import Record, find_run, list_runs

_SEARCH = "tune "


def params_of_run(workspace: Workspace, text: str, algorithm: str) -> dict[str, Any]:
    """Return the algorithm's parameters of a run, or of the one that trained a search's winner.

    Args:
        workspace: which holds the run.
        text: a MODEL, or how the run's id begins.
        algorithm: what they are for.

    Raises:
        NotFound: there is no such run.
        ConfigError: it fitted another algorithm, or is a search that trained nothing.
    """
    run = find_run(workspace, text)
    if run.name.startswith(_SEARCH):
        run = _winner(workspace, run)
    params = dict(run.params)
    fitted = params.pop("algorithm", run.name)
    if fitted != algorithm:
        raise ConfigError(
            f"a search for {algorithm} cannot start from {text}, which fitted {fitted}",
            hint=f"--algorithm {fitted}, or start from another run",
        )
    return params


def _winner(workspace: Workspace, search: Record) -> Record:
    algorithm = search.name.removeprefix(_SEARCH)
    for run in list_runs(workspace):
        if run.parent == search.id and run.name == algorithm and run.status == "finished":
            return run
    raise ConfigError(
        f"the search {search.id[:12]} trained no model to start from",
        hint="name a model, or the run that trained one: mlwright runs list",
    )
