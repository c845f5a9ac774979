"""OpenAI's embedding models, and those of any server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import openai

from mlwright.core.errors import ConfigError
from mlwright.core.secrets import reveal

from ..config_finding import Embedding
from ..records import Role
from ..retries import CallFailed, refused
from .remote import RemoteEmbedder

_DIMENSIONS = {
    "text-embedding-3-large": 3072,
    "text-embedding-3-small": 1536,
    "text-embedding-ada-002": 1536,
}
_TOKENS = 8191


def open_embedder(settings: Embedding, _kept: Path) -> RemoteEmbedder:
    """Open a model of OpenAI's; its key is `api_key` or the variable OPENAI_API_KEY.

    Raises:
        ConfigError: there is no key, or the dimension of the model is not known.
    """
    model = settings.model or "text-embedding-3-small"
    key = reveal(settings.api_key or "env:OPENAI_API_KEY")
    return _open("openai", model, settings, key, _DIMENSIONS.get(model))


def open_compatible_embedder(settings: Embedding, _kept: Path) -> RemoteEmbedder:
    """Open a model of the server at `embedding.url`, which needs `model` and `dimension`.

    Raises:
        ConfigError: one of them is missing.
    """
    if not settings.url or not settings.model:
        raise ConfigError(
            "embedding: an openai_compatible embedder needs url and model",
            hint="for example url: http://127.0.0.1:11434/v1 and model: nomic-embed-text",
        )
    key = reveal(settings.api_key) if settings.api_key else "none"
    return _open("openai_compatible", settings.model, settings, key, None)


def _open(
    provider: str, model: str, settings: Embedding, key: str, known: int | None
) -> RemoteEmbedder:
    dimension = settings.dimension or known
    if dimension is None:
        raise ConfigError(
            f"embedding.dimension: is needed for the model {model!r}",
            hint="write how many numbers its vectors have, for example 768",
        )
    client = openai.OpenAI(api_key=key, base_url=settings.url, max_retries=0)
    shorter = dimension if known and dimension != known else openai.omit

    def ask(texts: Sequence[str], _role: Role, left: float) -> list[list[float]]:
        try:
            answer = client.embeddings.create(
                model=model,
                input=[text or " " for text in texts],
                dimensions=shorter,
                encoding_format="float",
                timeout=left,
            )
        except openai.APIStatusError as exc:
            raise refused(provider, exc.status_code, exc.message, exc.response.headers) from exc
        except openai.APIConnectionError as exc:
            raise CallFailed(f"{provider} could not be reached", passing=True) from exc
        except openai.OpenAIError as exc:
            raise CallFailed(f"{provider}: {exc}", passing=False) from exc
        return [each.embedding for each in sorted(answer.data, key=lambda one: one.index)]

    return RemoteEmbedder(
        f"{provider}:{model}@{dimension}",
        ask,
        settings,
        dimension=dimension,
        max_tokens=_TOKENS,
        close=client.close,
    )
