"""What the user's file may say about finding: the store, the embedder, and retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mlwright.core.config import Secret, Section
from mlwright.core.values import Seconds

NO_EMBEDDER = "none"
_PROVIDERS = {"text-embedding-": "openai", "embed-": "cohere"}

Share = Annotated[float, Field(ge=0, le=1)]


class VectorDB(Section):
    """Which store holds the vectors; `index_name` is the name at a service that has many."""

    type: str = "lancedb"
    index_name: str | None = None
    dimension: Annotated[int, Field(ge=1)] | None = None
    metric: Literal["cosine"] = "cosine"
    url: str | None = None
    api_key: Secret | None = None


class Embedding(Section):
    """Which model turns text into vectors; `none` is sparse retrieval alone.

    `path` is a file of weights, or the folder of one, with `sha256` where it is not one that is
    known. `requests_a_minute` and `concurrent` are for a model at the other end of a wire.
    """

    provider: str = "onnx"
    model: str | None = None
    path: Path | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")] | None = None
    url: str | None = None
    api_key: Secret | None = None
    dimension: Annotated[int, Field(ge=1)] | None = None
    batch: Annotated[int, Field(ge=1, le=2048)] = 96
    concurrent: Annotated[int, Field(ge=1, le=64)] = 4
    requests_a_minute: Annotated[int, Field(ge=1)] | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = 120.0
    retries: Annotated[int, Field(ge=0, le=20)] = 6

    @model_validator(mode="before")
    @classmethod
    def _provider_of_the_model(cls, value: Any) -> Any:
        """Let the model's name tell the provider where none is named."""
        if isinstance(value, Mapping) and "provider" not in value:
            for beginning, provider in _PROVIDERS.items():
                if str(value.get("model") or "").startswith(beginning):
                    return {**value, "provider": provider}
        return value


class Rerank(Section):
    """What judges the best `pool` hits again, slowly and well."""

    provider: str
    model: str | None = None
    path: Path | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")] | None = None
    url: str | None = None
    api_key: Secret | None = None
    pool: Annotated[int, Field(ge=1, le=500)] = 30
    timeout: Annotated[Seconds, Field(gt=0)] = 30.0


class Retrieval(Section):
    """How chunks are found.

    `pool` is how many each way of finding brings; `fusion` joins them by rank (rrf) or by score
    (weighted, `dense_weight` of it the dense one's). `threshold` is the lowest cosine similarity of
    a hit that was not found by words. `mmr` trades nearness (1) for difference (0). `expand` shows
    that many chunks around each hit; `compress` keeps that many of its sentences. `feedback` asks
    again with the words of the best that many hits; `phrasings` asks the language model for that
    many other ways to put the question, and joins what each finds.
    """

    strategy: Literal["hybrid", "dense", "sparse"] = "hybrid"
    k: Annotated[int, Field(ge=1, le=1000)] = 5
    pool: Annotated[int, Field(ge=1, le=10_000)] = 100
    fusion: Literal["rrf", "weighted"] = "rrf"
    dense_weight: Share = 0.7
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None
    mmr: Share | None = None
    expand: Annotated[int, Field(ge=0, le=10)] = 0
    compress: Annotated[int, Field(ge=1, le=50)] | None = None
    feedback: Annotated[int, Field(ge=0, le=10)] = 0
    phrasings: Annotated[int, Field(ge=0, le=10)] = 0
    rerank: Rerank | None = None


def telling(model: str) -> bool:
    """Return whether the name of a model says whose it is.

    >>> telling("text-embedding-ada-002"), telling("my-model")
    (True, False)
    """
    return any(model.startswith(beginning) for beginning in _PROVIDERS)
