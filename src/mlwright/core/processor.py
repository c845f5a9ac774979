"""What has to be said to numpy about this machine's processor before it is imported."""

from __future__ import annotations

import os
from pathlib import Path

_HEAD = 4096
_VARIABLE = "NPY_DISABLE_CPU_FEATURES"


def prefer_fast_sort(*, about: Path = Path("/proc/cpuinfo")) -> None:
    """Let numpy sort without AVX-512 on AMD's Zen 4, where that takes six times as long.

    There one instruction of it is slow (github.com/numpy/x86-simd-sort/issues/6). A choice of the
    user's own stays. Without effect once numpy is imported.

    Args:
        about: where Linux describes the processor; elsewhere nothing is known, and nothing done.
    """
    try:
        with about.open() as file:
            head = file.read(_HEAD)
    except OSError:
        return
    facts = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    known = {name.strip(): value.strip() for name, value in facts.items()}
    zen4 = known.get("vendor_id") == "AuthenticAMD" and known.get("cpu family") == "25"
    if zen4 and "avx512f" in known.get("flags", "").split():
        os.environ.setdefault(_VARIABLE, "X86_V4")
