"""How many threads linear algebra gets: one, where more cost more than they give."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_LARGE = 10_000_000


@contextlib.contextmanager
def blas_threads(cells: int) -> Iterator[None]:
    """Keep BLAS to one thread during the block, where a matrix has fewer cells than 10 million.

    Threads that wait for each other over small sums keep every core busy for nothing, and two
    machines with a different number of cores then add up in a different order.
    """
    if cells >= _LARGE:
        yield
        return
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which is to be limited too
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
