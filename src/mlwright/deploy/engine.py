"""Docker or Podman, by its command line; what it refuses becomes an error of ours."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlwright.core.errors import ConfigError, MissingExtra, RemoteError

KNOWN = ("docker", "podman")
_ANSWER = 30.0  # seconds for what needs no work
_LINES = 3  # of what it said last are told

_BASE = "platform_options: {base: IMAGE} names an image that is within reach"
_HINTS = {
    "no space left on device": "docker image prune --all --filter label=mlwright.model removes the "
    "images of versions that run nowhere",
    "permission denied while trying to connect": "let your user use it: it is one of the group "
    "docker after sudo usermod -aG docker $USER and a new login",
    "daemon running": "start it, as with systemctl start docker, or set platform_options: "
    "{engine: podman} for the environment in mlwright.yaml",
    "no matching distribution": "the base image needs this machine's version of Python, and pip in "
    "it a way to its index",
    "pull access denied": _BASE,
    "failed to resolve": _BASE,
    "initializing source": _BASE,
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine on this machine, called by its command."""

    command: str

    @property
    def name(self) -> str:
        """Return the command without its folder."""
        return Path(self.command).name

    @property
    def is_podman(self) -> bool:
        """Say whether it is Podman, which takes what Docker does, and a little more."""
        return "podman" in self.name

    def ask(self, *arguments: str, what: str, seconds: float = _ANSWER) -> str:
        """Run a command of it and return what it prints; `what` is told when that fails.

        Raises:
            RemoteError: it refused, or did not answer in time.
        """
        try:
            done = subprocess.run(
                [self.command, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise RemoteError(f"{what}: {self.name} did not answer within {seconds:g} s") from exc
        except OSError as exc:
            raise self._unusable(exc) from exc
        if done.returncode:
            raise self.refused(what, done.stderr)
        return done.stdout

    def has_image(self, tag: str) -> bool:
        """Return whether there is an image of this name here."""
        found = self.ask("images", "--quiet", tag, what=f"{self.name} cannot list images")
        return bool(found.strip())

    def build(self, tag: str, context: Path, log: Path) -> None:
        """Build an image; all that is said on the way goes to `log`.

        Raises:
            RemoteError: it cannot be built; the message has the last lines.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        # Podman's own format knows no health check.
        form = ["--format", "docker"] if self.is_podman else []
        with log.open("wb") as out:
            done = subprocess.run(
                [self.command, "build", *form, "--tag", tag, str(context)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            said = log.read_text(errors="replace")
            raise self.refused(f"the image {tag} cannot be built", said, more=f"{log} has all")

    def refused(self, what: str, said: str, *, more: str = "") -> RemoteError:
        """Return the error for what it said when it refused."""
        told = (line.strip() for line in said.splitlines())
        lines = [line for line in told if line and "level=warning" not in line]
        errors = [line for line in lines if "error" in line.lower()]
        reason = " | ".join((errors or lines)[-_LINES:]) or "no reason given"
        known = next((hint for sign, hint in _HINTS.items() if sign in said.lower()), "")
        return RemoteError(f"{what}: {reason}", hint="; ".join(filter(None, (known, more))))

    def _unusable(self, exc: OSError) -> ConfigError:
        return ConfigError(
            f"{self.command} cannot be run: {exc.strerror}",
            hint="platform_options: {engine: podman} names another in mlwright.yaml",
        )


def find(asked: str | None = None) -> Engine:
    """Return the engine that was asked for, else the first that answers of those installed.

    Raises:
        MissingExtra: none is installed.
        RemoteError: none of those that are answers.
    """
    names = (asked,) if asked else KNOWN
    engines = [Engine(name) for name in names if shutil.which(name)]
    if not engines:
        raise MissingExtra(
            f"the platform docker needs {' or '.join(names)}, which is not installed",
            hint="install Docker or Podman, or name another command in mlwright.yaml: "
            "platform_options: {engine: COMMAND}",
        )
    refusals: list[RemoteError] = []
    for engine in engines:
        try:
            engine.ask("ps", "--quiet", what=f"{engine.name} does not answer")
        except RemoteError as exc:
            refusals.append(exc)
        else:
            return engine
    raise refusals[0]


def limits(memory: str | None, cpus: float | None) -> Sequence[str]:
    """Return the arguments that hold a container to this much.

    >>> limits("512m", None)
    ['--memory', '512m']
    """
    asked = (("--memory", memory), ("--cpus", None if cpus is None else f"{cpus:g}"))
    return [part for name, value in asked if value for part in (name, value)]
