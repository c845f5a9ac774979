"""What the commands that ask an index have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlwright.core.workspace import Workspace
    from mlwright.rag.index import Index

F = TypeVar("F", bound=Callable[..., Any])


def index_option(function: F) -> F:
    """Add `--name`."""
    return click.option(
        "--name",
        "index",
        metavar="NAME[:N|@ALIAS]",
        help="Which index.  [default: the only one, or the one named like this folder]",
    )(function)


def named_index(workspace: Workspace, ref: str | None) -> Index:
    """Return the index that was named; without a name the only one, else that of this folder.

    Raises:
        NotFound: there is none, or there are several and none is this folder's.
    """
    from mlwright.core.errors import NotFound
    from mlwright.rag.config import RagConfig, named
    from mlwright.rag.index import Index, index_names

    if ref is not None:
        return Index.open(workspace, ref)
    names = index_names(workspace)
    own = named(RagConfig(), workspace.root).name
    if len(names) > 1 and own in names:
        names = [own]
    if len(names) == 1:
        return Index.open(workspace, names[0])
    if not names:
        raise NotFound("this workspace has no index", hint="mlwright rag build --documents FOLDER")
    raise NotFound(f"which index: {', '.join(names)}?", hint=f"--name {names[0]}")
