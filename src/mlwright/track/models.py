"""The registry: models, their versions and aliases. The workspace's database is its truth.

MODEL is written as a bundle's folder, `name` (its @champion, else its newest version), `name:N`
or `name@alias`. Changes are told to MLflow through the outbox (see `track.mirror`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlwright.core import clock
from mlwright.core.errors import BundleError, NotFound, did_you_mean
from mlwright.core.workspace import Workspace, checked_name

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHAMPION = "champion"
_MANIFEST = "bundle.json"


class Packaged(Protocol):
    """What can be registered: a `bundle.bundle.Bundle`."""

    @property
    def path(self) -> Path:
        """Return the bundle's folder."""
        ...

    @property
    def hash(self) -> str:
        """Return the bundle's content hash."""
        ...


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model; version 0 is a bundle's folder that is not registered."""

    model: str
    version: int
    bundle: Path
    run: str | None
    created: float
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.model}:{self.version}" if self.version else str(self.bundle)

    def to_json(self) -> dict[str, Any]:
        """Return the version as a JSON object."""
        return {
            "model": self.model,
            "version": self.version,
            "bundle": str(self.bundle),
            "run": self.run,
            "created": clock.iso(self.created),
            "aliases": list(self.aliases),
        }


def register(
    workspace: Workspace, model: str, bundle: Packaged, *, run: str | None = None
) -> ModelVersion:
    """Add a bundle of this workspace as the model's next version; the first becomes champion.

    Raises:
        ConfigError: the name cannot be a model's.
        BundleError: the bundle does not lie in this workspace.
    """
    from sqlalchemy import func, insert, select

    from mlwright.core.state import outbox, versions

    checked_name(model, "model")
    if bundle.path.resolve() != workspace.bundles / bundle.hash:
        raise BundleError(
            f"the bundle {bundle.path} does not lie in the workspace {workspace.root}",
            hint=f"write it into {workspace.bundles}",
        )
    now = clock.now()
    with workspace.state.write() as connection:
        newest = select(func.max(versions.c.version)).where(versions.c.model == model)
        version = (connection.execute(newest).scalar() or 0) + 1
        row = {"model": model, "version": version, "bundle": bundle.hash, "run": run}
        connection.execute(insert(versions).values(**row, created=now))
        connection.execute(insert(outbox).values(kind="version", payload=row, created=now))
        if version == 1:
            _point(connection, model, CHAMPION, version)
    return _one(workspace, model, str(version))


def set_alias(workspace: Workspace, model: str, alias: str, version: int) -> ModelVersion:
    """Make an alias point to a version, from wherever it pointed before.

    Raises:
        ConfigError: the name cannot be an alias.
        NotFound: there is no such model or version.
    """
    checked_name(alias, "alias")
    _one(workspace, model, str(version))
    with workspace.state.write() as connection:
        _point(connection, model, alias, version)
    return _one(workspace, model, str(version))


def list_models(workspace: Workspace) -> list[ModelVersion]:
    """Return every version of every model, by name and then oldest first."""
    from sqlalchemy import select

    from mlwright.core.state import aliases, versions

    with workspace.state.read() as connection:
        rows = connection.execute(
            select(versions).order_by(versions.c.model, versions.c.version)
        ).all()
        pointers = connection.execute(select(aliases).order_by(aliases.c.alias)).all()
    names: dict[tuple[str, int], tuple[str, ...]] = {}
    for pointer in pointers:
        key = (pointer.model, pointer.version)
        names[key] = (*names.get(key, ()), pointer.alias)
    return [
        ModelVersion(
            row.model,
            row.version,
            workspace.bundles / row.bundle,
            row.run,
            row.created,
            names.get((row.model, row.version), ()),
        )
        for row in rows
    ]


def versions(workspace: Workspace, model: str) -> list[ModelVersion]:
    """Return the versions of a model, oldest first.

    Raises:
        NotFound: no model has that name.
    """
    everything = list_models(workspace)
    found = [version for version in everything if version.model == model]
    if not found:
        names = sorted({version.model for version in everything})
        raise NotFound(
            f"no model named {model!r}{did_you_mean(model, names)}",
            hint=f"registered: {', '.join(names)}"
            if names
            else "mlwright train --data FILE --target COLUMN registers one",
        )
    return found


def champion(workspace: Workspace, model: str) -> ModelVersion | None:
    """Return the version that @champion points to, or None.

    Raises:
        NotFound: no model has that name.
    """
    found = [version for version in versions(workspace, model) if CHAMPION in version.aliases]
    return found[0] if found else None


def resolve(workspace: Workspace | None, text: str) -> ModelVersion:
    """Return the version that a MODEL means; without a workspace only a folder can be meant.

    Raises:
        NotFound: there is no such model, version or alias; the message has the nearest name.
        BundleError: a folder is no bundle.
    """
    folder = Path(text)
    if (folder / _MANIFEST).is_file():
        return _from_folder(workspace, folder.resolve())
    if workspace is None or "/" in text:
        raise NotFound(f"no bundle in {text!r}", hint=f"a bundle's folder holds {_MANIFEST}")
    name, colon, number = text.partition(":")
    if colon:
        return _one(workspace, name, number)
    name, at, alias = text.partition("@")
    if at:
        return _by_alias(workspace, name, alias)
    return champion(workspace, name) or versions(workspace, name)[-1]


def _point(connection: Connection, model: str, alias: str, version: int) -> None:
    from sqlalchemy import delete, insert

    from mlwright.core.state import aliases, outbox

    row = {"model": model, "alias": alias, "version": version}
    held = (aliases.c.model == model) & (aliases.c.alias == alias)
    connection.execute(delete(aliases).where(held))
    connection.execute(insert(aliases).values(**row))
    connection.execute(insert(outbox).values(kind="alias", payload=row, created=clock.now()))


def _one(workspace: Workspace, model: str, version: str) -> ModelVersion:
    known = versions(workspace, model)
    for candidate in known:
        if str(candidate.version) == version:
            return candidate
    raise NotFound(
        f"model {model!r} has no version {version!r}",
        hint=f"it has: {', '.join(str(candidate.version) for candidate in known)}",
    )


def _by_alias(workspace: Workspace, model: str, alias: str) -> ModelVersion:
    known = versions(workspace, model)
    for candidate in known:
        if alias in candidate.aliases:
            return candidate
    names = sorted(name for version in known for name in version.aliases)
    raise NotFound(
        f"model {model!r} has no alias {alias!r}{did_you_mean(alias, names)}",
        hint=f"it has: {', '.join(names) or 'none'}",
    )


def _from_folder(workspace: Workspace | None, folder: Path) -> ModelVersion:
    # The bundle itself belongs to a higher layer; its name and hash are all that is read here.
    try:
        data = (folder / _MANIFEST).read_bytes()
        name = str(json.loads(data)["name"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BundleError(
            f"the bundle {folder} is damaged: {_MANIFEST} is not a manifest",
            hint="copy it again from where it was made, or train the model again",
        ) from exc
    digest = hashlib.sha256(data).hexdigest()
    for known in list_models(workspace) if workspace else []:
        if known.bundle.name == digest:
            return known
    return ModelVersion(name, 0, folder, None, (folder / _MANIFEST).stat().st_mtime)
