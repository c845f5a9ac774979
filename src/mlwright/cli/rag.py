"""`mlwright rag`."""

from __future__ import annotations

import click

from .rag_build import build
from .rag_evaluate import evaluate
from .rag_prepare import prepare
from .rag_query import query
from .rag_serve import serve
from .rag_tune import tune


@click.group()
def group() -> None:
    """Answer questions from documents: prepare, build, query, evaluate, tune, serve."""


group.add_command(prepare)
group.add_command(build)
group.add_command(evaluate)
group.add_command(query)
group.add_command(serve)
group.add_command(tune)
