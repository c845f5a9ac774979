"""Targets: where the workers of an environment run, behind one protocol.

The supervisor tells a target what is wanted and asks what there is. It decides nothing: a new
target is one file here, one line in the table, one class of tests (`mlwright.testing.target`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Protocol, runtime_checkable

from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.backends import Backend, Backends
from mlwright.core.environments import PlatformOptions
from mlwright.predictions.lines import Outcome
from mlwright.serve.spec import Access, LogPolicy

from ..scaling import Load


@dataclass(frozen=True, slots=True)
class Place:
    """What a target is made from: an environment and its model.

    Without the listening socket, which belongs to a supervisor, it can only look and delete. The
    socket is `inherited` when it is the one on which the workers of an earlier supervisor accept.
    `trust` says what the user trusts when a worker is started, `log` what is logged and how surely,
    `access` who may ask, `options` what the user says of the platform.
    """

    environment: str
    model: str
    folder: Path
    listener: socket | None = None
    inherited: bool = False
    log: LogPolicy = field(default_factory=LogPolicy)
    access: Access = field(default_factory=Access)
    trust: Callable[[], Trust] = lambda: NOTHING
    options: PlatformOptions = field(default_factory=PlatformOptions)


@dataclass(frozen=True, slots=True)
class Split:
    """Who answers: the champion, but for the candidate's share of the routing keys.

    `release` names the rollout whose outcomes are logged; None logs none. Equal `salt` and key
    give an equal choice on every target. With `mirror` the candidate gets copies of all requests.
    """

    champion: int | None
    candidate: int | None = None
    weight: float = 0.0
    release: int | None = None
    salt: str = ""
    mirror: bool = False


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The workers of one version: how many are wanted, how many answer.

    `deaths` counts those of workers that have not been ready since; `load` is what all do together,
    None where that is not known.
    """

    workers: int
    ready: int
    deaths: int
    last_death: str = ""
    load: Load | None = None


@runtime_checkable
class Prepares(Protocol):
    """A target on which something has to be made of a version before it can start."""

    def to_make(self, version: int, bundle: Path) -> Sequence[str]:
        """Return what is missing, one line each, and make nothing.

        Raises:
            ConfigError: it cannot be made of this bundle.
            MissingExtra: a tool is not installed.
            RemoteError: what it is made with does not answer.
        """

    def make(self, version: int, bundle: Path) -> None:
        """Make what is missing, which may take minutes.

        Raises:
            RemoteError: it cannot be made.
        """


class Target(Protocol):
    """Runs versions side by side. Every method may be called again with the same effect."""

    async def apply(self, versions: Mapping[int, Path], *, workers: int = 1) -> None:
        """Start what is missing of these versions (bundles by number), and end all others.

        Each version has so many workers; what an earlier process left behind is taken over. One
        that is too many loses no request: it takes no new connections first.

        Returns before they are ready; a worker that died is replaced at the next call.
        """

    async def check(self, version: int) -> None:
        """Test a version that gets no traffic yet: its sample rows through HTTP.

        Raises:
            GateFailed: it does not answer, or not as its bundle says.
        """

    async def split(self, split: Split) -> None:
        """Move traffic, without losing a request; what is not ready gets none."""

    def status(self) -> dict[int, VersionStatus]:
        """Return the state of every version that was applied."""

    def observe(self, release: int) -> Sequence[Outcome]:
        """Return the outcomes of a release that were not returned before."""

    async def delete(self) -> None:
        """End everything, also what an earlier process left behind."""


TARGETS: Backends[Callable[[Place], Target]] = Backends(
    "target",
    "mlwright.targets",
    {
        "docker": Backend("mlwright.deploy.targets.docker:DockerTarget"),
        "local": Backend("mlwright.deploy.targets.local:LocalTarget"),
    },
)
