"""What stores at the other end of a wire share: their refusals in our words, short numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ..records import Chunk
from ..retries import CallFailed, refused
from ..vectors import Vectors

T = TypeVar("T")

_BYTES_A_NUMBER = 12
_BYTES_A_CHUNK = 200

_HINTS = {
    401: "check vector_db.api_key",
    403: "this key may not do that; check vector_db.api_key",
    404: "check vector_db.url and vector_db.index_name",
    413: "make the chunks smaller, or keep less in their metadata",
    429: "wait, or raise the limit at the service; what was embedded is kept",
}


def refusal(
    service: str, status: int, reason: str, headers: Mapping[str, str] | None = None
) -> CallFailed:
    """Return the error for an HTTP status of a store."""
    error = refused(service, status, reason, headers)
    hint = _HINTS.get(status, "")
    return CallFailed(str(error), passing=error.passing, after=error.after, hint=hint)


def latest(chunks: Sequence[Chunk]) -> list[int]:
    """Return the places of the chunks, of each id the last one's."""
    return sorted({chunk.id: place for place, chunk in enumerate(chunks)}.values())


def numbers(vectors: Vectors) -> list[list[float]]:
    """Return vectors of length 1 as lists, in a third of the characters that JSON takes else."""
    rounded: list[list[float]] = np.round(np.asarray(vectors, dtype=np.float64), 7).tolist()
    return rounded


def a_call(most: int, dimension: int, largest: int) -> int:
    """Return how many chunks a request takes that has at most so many bytes, at least one.

    `largest` is how many bytes the largest chunk has without its vector.
    """
    return max(1, most // (dimension * _BYTES_A_NUMBER + largest + _BYTES_A_CHUNK))


def parts(listed: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield a sequence in pieces of this size."""
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
