"""Cohere's embedding models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cohere
from cohere.core.api_error import ApiError

from mlwright.core.errors import ConfigError
from mlwright.core.secrets import reveal

from ..config_finding import Embedding
from ..records import Role
from ..retries import CallFailed, refused
from .remote import RemoteEmbedder

_DIMENSIONS = {
    "embed-english-light-v3.0": 384,
    "embed-english-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
    "embed-multilingual-v3.0": 1024,
    "embed-v4.0": 1536,
}
_TOKENS = 512
_MOST_TEXTS = 96


def open_embedder(settings: Embedding, _kept: Path) -> RemoteEmbedder:
    """Open a model of Cohere's; its key is `api_key` or the variable COHERE_API_KEY.

    Raises:
        ConfigError: there is no key, or the dimension of the model is not known.
    """
    import httpx

    model = settings.model or "embed-multilingual-v3.0"
    dimension = settings.dimension or _DIMENSIONS.get(model)
    if dimension is None:
        raise ConfigError(
            f"embedding.dimension: is needed for the model {model!r}",
            hint="write how many numbers its vectors have, for example 1024",
        )
    key = reveal(settings.api_key or "env:COHERE_API_KEY")
    wire = httpx.Client()
    client = cohere.ClientV2(api_key=key, base_url=settings.url, httpx_client=wire)
    kind = {"query": "search_query", "document": "search_document"}

    def ask(texts: Sequence[str], role: Role, left: float) -> Sequence[Sequence[float]]:
        try:
            answer = client.embed(
                model=model,
                input_type=kind[role],
                texts=[text or " " for text in texts],
                embedding_types=["float"],
                truncate="END",
                request_options={"timeout_in_seconds": max(1, int(left)), "max_retries": 0},
            )
        except ApiError as exc:
            raise refused("cohere", exc.status_code or 0, str(exc.body), exc.headers) from exc
        except httpx.HTTPError as exc:
            raise CallFailed("cohere could not be reached", passing=True) from exc
        return answer.embeddings.float_ or []

    small = settings.model_copy(update={"batch": min(settings.batch, _MOST_TEXTS)})
    return RemoteEmbedder(
        f"cohere:{model}@{dimension}",
        ask,
        small,
        dimension=dimension,
        max_tokens=_TOKENS,
        close=wire.close,
    )
