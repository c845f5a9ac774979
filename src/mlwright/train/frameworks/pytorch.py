"""What every framework on PyTorch shares: the device, and chance that a seed decides."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from mlwright.core.errors import ConfigError

_ONE_AT_A_TIME = threading.Lock()


def device(wanted: str) -> Any:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        ConfigError: it is not there.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise ConfigError(
            "device cuda was asked for, and PyTorch finds none here",
            hint="leave --device at auto, or install PyTorch for CUDA",
        )
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


@contextmanager
def reproducible(seed: int, *, threads: int | None = None) -> Iterator[None]:
    """Seed PyTorch and, when told so, set its threads; put both back after.

    Both belong to the process, so that fits of several threads, as trials are, take turns.
    """
    with _ONE_AT_A_TIME, torch.random.fork_rng():
        before = torch.get_num_threads()
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
