"""Language models by the provider's name."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.core.backends import Backend, Backends

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
