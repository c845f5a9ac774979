"""What `package` and `adopt` have in common: the options that say what a source does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import F, open_workspace
from .output import emit, facts, measured, say, table

if TYPE_CHECKING:
    from mlwright.bundle.imports.asked import Asked
    from mlwright.bundle.packaging import Packaged
    from mlwright.core.workspace import Workspace

_OPTIONS = (
    click.option("--target", help="Column of --reference with the true answers."),
    click.option(
        "--task",
        type=click.Choice(["binary", "multiclass", "regression"]),
        help="What is predicted, where neither the source nor --target says it.",
    ),
    click.option(
        "--classes",
        metavar="A,B,…",
        help="Labels in the order of the model's outputs; the positive one of two last.",
    ),
    click.option(
        "--columns", metavar="A,B,…", help="Columns in the order in which the model takes them."
    ),
    click.option(
        "--link",
        type=click.Choice(["identity", "logistic", "softmax"]),
        default="identity",
        show_default=True,
        help="What makes probabilities of the model's answers.",
    ),
    click.option("--output-name", help="Output of an ONNX graph that holds the scores."),
    click.option(
        "--code",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Folder that is packaged with a Python class.",
    ),
)


def source_options(function: F) -> F:
    """Add the options that say what a source does not."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def run(
    source: str,
    *,
    name: str | None,
    reference: Path | None,
    folder: Path | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Package a source and say what came of it."""
    from mlwright.bundle.packaging import package

    workspace = open_workspace(folder)
    asked = _asked(workspace, reference, said)
    found = package(workspace, source, name=name, asked=asked, say=say)
    if as_json:
        emit(found.to_json())
        return
    _show(found)


def _asked(workspace: Workspace, reference: Path | None, said: dict[str, Any]) -> Asked:
    from mlwright.bundle.imports.asked import Asked, Reference
    from mlwright.bundle.trust import Trust
    from mlwright.data.read import read

    rows = Reference(read(reference, say=say), str(reference)) if reference else None
    return Asked(
        reference=rows,
        target=said["target"],
        task=said["task"],
        classes=_listed(said["classes"]),
        columns=_listed(said["columns"]),
        link=said["link"],
        output=said["output_name"],
        code=said["code"],
        timeout=said.get("timeout", 2.0),
        token=said.get("token"),
        trust=Trust.of(workspace.settings.trust),
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _show(found: Packaged) -> None:
    bundle, signature = found.bundle, found.bundle.signature
    compiled = bundle.parity.get("compiled")
    facts(
        {
            "model": found.version,
            "from": found.source,
            "runtime": f"{bundle.runtime}{', compiled and proved equal' if compiled else ''}",
            "columns": len(signature.inputs),
            "predicts": f"{signature.target} ({signature.task})",
            "classes": ", ".join(map(str, signature.classes)) or "-",
            "bundle": bundle.path,
        }
    )
    if found.metrics:
        rows = [[name, measured(each.to_json())] for name, each in found.metrics.items()]
        table(["metric", "on the reference"], rows)
    for note in found.notes:
        say(f"notice: {note}")
    say(f"next: mlwright serve {found.version}, or mlwright deploy {found.version} staging")
