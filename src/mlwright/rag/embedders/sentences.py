"""Any model of the library sentence-transformers, by its name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sentence_transformers

from mlwright.core.errors import NotFound

from ..config_finding import Embedding
from ..records import Role
from ..vectors import Vectors

_DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"


def open_embedder(settings: Embedding, _kept: Path) -> SentenceModel:
    """Open a model; no code that comes with it is run.

    Raises:
        NotFound: it is neither here nor at the hub.
    """
    where = str(settings.path or settings.model or _DEFAULT)
    try:
        model = sentence_transformers.SentenceTransformer(where, trust_remote_code=False)
    except (OSError, ValueError) as exc:
        raise NotFound(
            f"sentence-transformers has no model {where!r}: {type(exc).__name__}",
            hint="set embedding.model to a name at the hub, or embedding.path to a folder",
        ) from exc
    return SentenceModel(model, f"sentence-transformers:{settings.model or where}")


class SentenceModel:
    """A model that embeds queries and documents by its own prompts."""

    def __init__(self, model: sentence_transformers.SentenceTransformer, name: str) -> None:
        self._model = model
        self.name = name
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(model.max_seq_length or 512)

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return float32 (n, dimension), each row of length 1."""
        call = self._model.encode_query if role == "query" else self._model.encode_document
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.asarray(
            call(list(texts), normalize_embeddings=True, show_progress_bar=False), np.float32
        )

    def tokens(self, text: str) -> int:
        """Return how many tokens the text has."""
        return len(self._model.tokenizer.encode(text, add_special_tokens=False))
