"""What the user's file may say about answers: model, budget, cache, API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mlwright.core.config import Secret, Section
from mlwright.core.values import Seconds

EXTRACTIVE = "extractive"
"""The provider that is none: it answers with sentences of the documents, word for word."""

Positive = Annotated[float, Field(gt=0)]


class Model(Section):
    """A language model: its provider, its name there, and how it is called.

    `url` is the address of a server that speaks OpenAI's protocol (Ollama, vLLM, llama.cpp), or
    another address of the provider's own. Without `api_key` the provider's usual variable is read.
    """

    provider: str = EXTRACTIVE
    model: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] = 500
    url: str | None = None
    api_key: Secret | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = 30.0
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    context_tokens: Annotated[int, Field(ge=500)] = 8000


class Llm(Model):
    """The language model, and those that are asked in its place, in order, when it fails."""

    fallback: tuple[Model, ...] = ()

    @property
    def models(self) -> list[Model]:
        """Return the language models, first to last: all of these that are not extractive."""
        return [each for each in (self, *self.fallback) if each.provider != EXTRACTIVE]


class Answers(Section):
    """How answers are made.

    `minimum_evidence` is the score of the evidence below which the answer is "I don't know"; None
    takes the default, which docs/decisions/answers.md measured. `budget_a_day` is in dollars;
    `prices` has dollars for a million tokens, in and out, by model, where the table has none.
    """

    prompt: Path | None = None
    sentences: Annotated[int, Field(ge=1, le=20)] = 3
    minimum_evidence: Annotated[float, Field(ge=0, le=1)] | None = None
    history: Annotated[int, Field(ge=0, le=50)] = 6
    budget_a_day: Positive | None = None
    prices: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Cache(Section):
    """Where answers are kept: none, memory (a process), disk (this machine) or redis."""

    type: Literal["none", "memory", "disk", "redis"] = "none"
    size: Annotated[int, Field(ge=1)] = 10_000
    ttl: Annotated[Seconds, Field(gt=0)] = 86_400.0
    url: str = "redis://127.0.0.1:6379/0"


class Api(Section):
    """What the API lets callers do; `rate_limit` is requests a minute in each worker,
    of one API key, or of all callers together where there are no keys.

    `log_text: false` keeps the questions' words out of the query log.
    """

    rate_limit: Annotated[int, Field(ge=1)] | None = None
    cors_origins: tuple[str, ...] = ()
    threads: Annotated[int, Field(ge=1, le=256)] = 16
    log_text: bool = True
