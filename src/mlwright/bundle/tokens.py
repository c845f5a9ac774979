"""A text as the numbers of its tokens: what a transformer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlwright.core.backends import require
from mlwright.core.errors import BundleError

MOST_CHARACTERS = 100_000
"""What is read of a text, so that a huge one cannot hold up a server."""

NO_TOKEN = -1.0
"""Stands where a text has ended."""


@dataclass(frozen=True, slots=True)
class TokensStep:
    """A text as at most `length` tokens, their numbers first and -1 after the last; null as "".

    `tokenizer` is the JSON of the library `tokenizers`: data, of which nothing is run.
    """

    column: str
    tokenizer: str
    length: int
    _read: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", tokenizer(self.tokenizer, self.length))

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features it makes."""
        return tuple(f"{self.column} [{place}]" for place in range(self.length))

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the features, (n, length), of an object array of str or None."""
        out = np.full((len(values), self.length), NO_TOKEN)
        found = self._read.encode_batch_fast([_clean(text) for text in values.tolist()])
        for row, each in zip(out, found, strict=True):
            row[: len(each.ids)] = each.ids
        return out

    def write(self, text: str | None, row: NDArray[np.float64]) -> None:
        """Put the numbers of one text into its row, (length,)."""
        ids = self._read.encode(_clean(text)).ids
        row[: len(ids)] = ids
        row[len(ids) :] = NO_TOKEN


def tokenizer(text: str, length: int | None = None) -> Any:
    """Return the tokenizer of this JSON, which cuts at `length` tokens and never fills up.

    Raises:
        MissingExtra: the library `tokenizers` is not installed.
        BundleError: the text is no tokenizer.
    """
    library = require("tokenizers", extra="tokenizers", needed_by="a model that reads tokens")
    try:
        read = library.Tokenizer.from_str(text)
    except Exception as exc:  # tokenizers raises nothing narrower
        raise BundleError(
            "the tokenizer cannot be read", hint="copy the model again from where it was made"
        ) from exc
    read.no_padding()
    if length is None:
        read.no_truncation()
    else:
        read.enable_truncation(length)
    return read


def _clean(text: str | None) -> str:
    """Return what a tokenizer takes: no endless text, and no half of a surrogate pair."""
    return "" if text is None else text[:MOST_CHARACTERS].encode("utf-8", "replace").decode()
