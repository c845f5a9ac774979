"""What a platform has to make of a version before it can start there, as an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlwright.core.workspace import Workspace
from mlwright.track.models import ModelVersion

from .targets import TARGETS, Place, Prepares


def missing(
    workspace: Workspace, environment: str, platform: str, version: ModelVersion
) -> Sequence[str]:
    """Return what would have to be made, one line each.

    Raises:
        ConfigError: it cannot be made of this version.
        MissingExtra: the platform's tool is not installed.
        RemoteError: the platform does not answer.
    """
    target = _target(workspace, environment, platform, version)
    return () if target is None else target.to_make(version.version, version.bundle)


def prepare(
    workspace: Workspace,
    environment: str,
    platform: str,
    version: ModelVersion,
    say: Callable[[str], None],
) -> None:
    """Make what is missing, in the foreground, before anything is written or started.

    Raises:
        RemoteError: it cannot be made.
    """
    target = _target(workspace, environment, platform, version)
    if target is None:
        return
    lines = target.to_make(version.version, version.bundle)
    for line in lines:
        say(f"making the {line}, which takes a minute the first time")
    if lines:
        target.make(version.version, version.bundle)


def _target(
    workspace: Workspace, environment: str, platform: str, version: ModelVersion
) -> Prepares | None:
    options = workspace.settings.environment(environment).platform_options
    folder = workspace.environment(environment)
    target = TARGETS.load(platform)(Place(environment, version.model, folder, options=options))
    return target if isinstance(target, Prepares) else None
