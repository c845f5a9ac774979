"""What turns texts into vectors: one provider a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlwright.core.backends import Backend, Backends

from ..config_finding import Embedding
from ..records import Embedder

Opener = Callable[[Embedding, Path], Embedder]
"""Makes the embedder that the settings describe; the path is the folder of kept weights."""

EMBEDDERS: Backends[Opener] = Backends(
    "embedder",
    "mlwright.embedders",
    {
        "cohere": Backend("mlwright.rag.embedders.cohere:open_embedder", "cohere"),
        "onnx": Backend("mlwright.rag.embedders.minilm:open_embedder", "rag"),
        "openai": Backend("mlwright.rag.embedders.openai:open_embedder", "openai"),
        "openai_compatible": Backend(
            "mlwright.rag.embedders.openai:open_compatible_embedder", "openai"
        ),
        "sentence-transformers": Backend(
            "mlwright.rag.embedders.sentences:open_embedder", "sentence-transformers"
        ),
    },
)
