"""What judges a question and a text together: slow, and better than comparing vectors."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.core.backends import Backend, Backends

from ..config_finding import Rerank
from ..records import Reranker

Opener = Callable[[Rerank], Reranker]

RERANKERS: Backends[Opener] = Backends(
    "reranker",
    "mlwright.rerankers",
    {
        "cohere": Backend("mlwright.rag.rerankers.cohere:open_reranker", "cohere"),
        "onnx": Backend("mlwright.rag.rerankers.cross_encoder:open_reranker", "rag"),
    },
)


def open_reranker(settings: Rerank) -> Reranker:
    """Open the reranker of a configuration.

    Raises:
        UnknownBackend: there is none of that name.
        MissingExtra: its package is not installed.
        ConfigError: a key or a path is missing.
    """
    return RERANKERS.load(settings.provider)(settings)
