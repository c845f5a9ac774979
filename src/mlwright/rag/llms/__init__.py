"""Language models by the provider's name."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.core.backends import Backend, Backends
from mlwright.core.errors import ConfigError

from ..config_answers import Model
from ..records import LLM

Opener = Callable[[Model], LLM]
"""Makes the model that the settings describe; keys are read here, nothing is called."""

LLMS: Backends[Opener] = Backends(
    "language model",
    "mlwright.llms",
    {
        "anthropic": Backend("mlwright.rag.llms.anthropic:open_anthropic", "anthropic"),
        "openai": Backend("mlwright.rag.llms.openai:open_openai", "openai"),
        "openai_compatible": Backend("mlwright.rag.llms.openai:open_compatible", "openai"),
    },
)


def check_model(settings: Model) -> None:
    """Refuse a provider whose model is not named.

    Raises:
        ConfigError: there is no name.
    """
    if not settings.model:
        raise ConfigError(
            f"llm.model: is missing: {settings.provider} has many models",
            hint="llm: {provider: openai, model: gpt-4o-mini}, or provider: extractive for none",
        )
