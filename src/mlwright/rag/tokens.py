"""How many tokens a text has for a language model.

Exact where tiktoken and its tables are on this machine (TIKTOKEN_CACHE_DIR); they are never
downloaded here. Else an approximation that is rather too high: a token for each three bytes of
UTF-8, where English has about four and a half, and Chinese or Japanese about three.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

APPROXIMATION = "bytes/3"


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts tokens; `name` says by what, and `exact` whether the model counts the same."""

    name: str
    exact: bool
    count: Callable[[str], int]


def approximate(text: str) -> int:
    """Return about how many tokens a text has, rather too many.

    >>> approximate("What is the refund policy?")
    9
    """
    return -(-len(text.encode()) // 3)


@cache
def counter(provider: str, model: str) -> Counter:
    """Return how tokens are counted for a model."""
    if provider == "openai" and os.environ.get("TIKTOKEN_CACHE_DIR"):
        try:
            import tiktoken

            encoding = tiktoken.encoding_for_model(model)
        except Exception:  # not installed, an unknown model, or a table that is not there
            return Counter(APPROXIMATION, False, approximate)
        return Counter(
            encoding.name, True, lambda text: len(encoding.encode(text, disallowed_special=()))
        )
    return Counter(APPROXIMATION, False, approximate)
