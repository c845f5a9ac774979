"""How an environment answers, and how versions come into it, as `mlwright.yaml` says it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .config import Secret, Section
from .values import Percentages, Seconds

DEFAULT_GUARDS = {"error_rate": "1%", "p95": "+10%"}
Strategy = Literal["all_at_once", "rolling", "blue_green", "canary", "linear", "shadow", "ab"]


def _bounds(value: Any) -> Any:
    """Read `true`, `false` and `min=1,max=4`.

    >>> _bounds("min=1,max=4"), _bounds("false")
    ({'min': '1', 'max': '4'}, None)
    """
    text = str(value).strip().lower()
    if text == "true":
        return {"max": max(2, os.cpu_count() or 1)}
    if text == "false":
        return None
    if isinstance(value, str):
        found = dict(part.strip().partition("=")[::2] for part in value.split(","))
        if not found.keys() <= {"min", "max"}:
            raise ValueError("is neither true, false nor bounds")
        return found
    return value


class AutoScaling(Section):
    """From how many workers to how many a version may have, by what they have to do."""

    min: Annotated[int, Field(ge=1, le=64)] = 1
    max: Annotated[int, Field(ge=1, le=64)]

    @model_validator(mode="after")
    def _ordered(self) -> AutoScaling:
        if self.min > self.max:
            raise ValueError(f"min={self.min} is more than max={self.max}")
        return self


class Tls(Section):
    """PEM files: a certificate chain, and its private key; relative to `mlwright.yaml`."""

    certificate: Path
    key: Path


class PlatformOptions(Section):
    """How containers are run, on the platform docker.

    `engine` is the command to use, by default docker, else podman; `base` the image that ours are
    built on, by default Python's own. `memory` (as 512m or 2g) and `cpus` are what each worker may
    have; `network` is that of its container, by default none: it needs none to answer.
    """

    engine: str | None = None
    base: str | None = None
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[bkmg]$")] | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    network: str = "none"


class Environment(Section):
    """A place that answers. The environment named production holds the champion.

    `interval` is the least time at a share, for linear and rolling; `first` names the environment
    in which a version has to go live before it comes here. Those who ask show one of the
    `api_keys` where there are some, and send no more than `max_body` megabytes.
    """

    platform: str = "local"
    platform_options: PlatformOptions = Field(default_factory=PlatformOptions)
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    auto_scaling: Annotated[AutoScaling | None, BeforeValidator(_bounds)] = None
    api_keys: tuple[Secret, ...] = ()
    tls: Tls | None = None
    max_body: Annotated[int, Field(ge=1, le=1024)] = 10
    strategy: Strategy = "all_at_once"
    canary_percentage: Annotated[float, Field(gt=0, lt=100)] = 10
    steps: Percentages = ()
    interval: Annotated[Seconds, Field(gt=0)] | None = None
    first: str | None = None
    guards: dict[str, str] = Field(default_factory=lambda: dict(DEFAULT_GUARDS))
    holds_champion: bool | None = None
