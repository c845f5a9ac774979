"""The docker target: the local target's workers, each in a container of its version's image.

A container shares three folders with the supervisor, at the same paths: sockets, log, and its run
files. The listening socket is handed into it, so that it answers on the environment's address
without a network of its own, and no proxy stands before it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import structs

from mlwright.bundle.bundle import Bundle
from mlwright.core.errors import ConfigError
from mlwright.core.files import write_atomic
from mlwright.serve.handover import Handover
from mlwright.serve.spec import WorkerSpec

from .. import processes
from ..engine import Engine, find, limits
from ..image import FOLDER, USER, Image, image_of
from ..status import CONTAINERS
from . import Place
from .container import Container, LeftContainer, give
from .local import LocalTarget, forget
from .runs import Run

_LABEL = "mlwright.environment"


class DockerTarget(LocalTarget):
    """Workers in containers of Docker or Podman, on this machine; see `LocalTarget`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._images: dict[int, Image] = {}
        self._started: set[str] = set()
        self._door: Handover | None = None
        self._making = threading.Lock()
        # In a container root would be root: there we are somebody else.
        self._user = USER if os.geteuid() == 0 else None

    async def apply(self, versions: Mapping[int, Path], *, workers: int = 1) -> None:
        """Start what is missing, end what is not wanted, replace what died or hangs."""
        if self._door is None and self._place.listener is not None:
            self._door = Handover(self._door_path, self._place.listener)
            give(self._door_path, self._user)
            self._door.start()
        await super().apply(versions, workers=workers)

    async def delete(self) -> None:
        """End every container, own and left behind, and remove the sockets."""
        if self._door is not None:
            self._door.close()
            self._door = None
        await super().delete()
        if self._engine_file.exists():
            self._sweep()
            self._engine_file.unlink()
        for kept in (self._place.folder / "run").glob("image-*.tag"):
            kept.unlink()

    def to_make(self, version: int, bundle: Path) -> Sequence[str]:
        """Return the image, when it is not there."""
        image = self._image(version, bundle)
        there = find(self._asked).has_image(image.tag)
        return () if there else (f"image {image.tag} on {image.base}",)

    def make(self, version: int, bundle: Path) -> None:
        """Build the image, when it is not there, and write down that this version has it."""
        image, engine = self._image(version, bundle), find(self._asked)
        if not engine.has_image(image.tag):
            with tempfile.TemporaryDirectory(prefix="mlw-image-") as context:
                image.write(Path(context))
                log = self._place.folder / "run" / f"image-{version}.log"
                engine.build(image.tag, Path(context), log)
        write_atomic(self._tag_file(version), image.tag)

    def run_folder(self, environment: Path) -> Path:
        """Return where its workers keep their files; of those of the supervisor they see none."""
        return environment / CONTAINERS

    def lives(self, pid_file: Path) -> bool:
        """Return whether a container lives; the files of one that does not are removed."""
        if processes.held(pid_file):
            return True
        forget(pid_file)
        return False

    def spec(self, version: int, own: str) -> WorkerSpec:
        """Return what a worker is started with; it has no process number of ours to look at."""
        return structs.replace(
            super().spec(version, own),
            bundle=FOLDER,
            socket=str(self._sockets / f"{own}.sock"),
            listen_fd=None,
            listen_from=str(self._door_path),
            parent_pid=None,
        )

    def launch(self, spec: WorkerSpec, file: Path, log: Path) -> Run:
        """Start a worker in a container, once its image is there."""
        pid_file = Path(spec.pid_file)
        name = self._name(pid_file, spec.version)
        again = name in self._started
        self._started.add(name)

        def arguments() -> list[str]:
            tag = self._made(spec.version)
            if again:  # whatever may be left of what it was before
                self._engine.ask("rm", "--force", name, what=f"{name} cannot be removed")
            folders = [self._sockets, self._run, self._place.folder / "log"]
            for path in (*map(self._folder, folders), file):
                give(path, self._user)
            return self._arguments(name, spec, file, tag, folders)

        return Container(self._engine, name, pid_file, log, arguments)

    def left_run(self, pid_file: Path) -> Run:
        """Return what an earlier supervisor started."""
        version = int(pid_file.name.split("-")[1])
        return LeftContainer(self._engine, self._name(pid_file, version), pid_file)

    def _made(self, version: int) -> str:
        """Return the image that a version was deployed with; one that is gone is made again."""
        with self._making:
            file = self._tag_file(version)
            if not file.exists() or not self._engine.has_image(file.read_text()):
                self.make(version, self._bundles[version])
            return file.read_text()

    def _tag_file(self, version: int) -> Path:
        return self._place.folder / "run" / f"image-{version}.tag"

    def _arguments(
        self, name: str, spec: WorkerSpec, file: Path, tag: str, folders: Sequence[Path]
    ) -> list[str]:
        options = self._place.options
        user = (self._user, self._user) if self._user else (os.getuid(), os.getgid())
        labels = {
            _LABEL: str(self._place.folder),
            "mlwright.model": f"{spec.model}:{spec.version}",
            "mlwright.version": str(spec.version),
        }
        return [
            *("--rm", "--init", "--pull", "never", "--name", name, "--hostname", name),
            *("--network", options.network, "--user", f"{user[0]}:{user[1]}"),
            *(["--userns", "keep-id"] if self._engine.is_podman and not self._user else []),
            *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),  # noqa: S108
            *("--security-opt", "no-new-privileges", "--security-opt", "label=disable"),
            *("--no-healthcheck", "--log-driver", "none"),  # we ask it, and log what it says
            *limits(options.memory, options.cpus),
            *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
            *(part for key in spec.api_keys for part in ("--env", key.removeprefix("env:"))),
            *(part for folder in folders for part in ("--mount", _bind(folder))),
            *("--entrypoint", "python", tag),
            *("-m", "mlwright.serve.worker", str(file)),
        ]

    def _image(self, version: int, bundle: Path) -> Image:
        if version not in self._images:
            opened = Bundle.open(bundle)
            options = self._place.options
            if opened.runtime == "endpoint" and options.network == "none":
                raise ConfigError(
                    f"{self._place.model}:{version} asks an endpoint elsewhere, and its container "
                    "would have no network",
                    hint="platform_options: {network: bridge} for the environment in mlwright.yaml",
                )
            self._images[version] = image_of(self._place.model, version, opened, base=options.base)
        return self._images[version]

    @property
    def _asked(self) -> str | None:
        """Return the engine that runs this environment, else the one that the user names."""
        if self._engine_file.exists():
            return self._engine_file.read_text()
        return self._place.options.engine

    @cached_property
    def _engine(self) -> Engine:
        engine = find(self._asked)
        # Written before it is used: another one would not find the containers of this one.
        write_atomic(self._engine_file, engine.command)
        return engine

    @property
    def _engine_file(self) -> Path:
        return self._place.folder / "run" / "engine"

    @property
    def _sockets(self) -> Path:
        return self._folder(processes.socket_folder(self._place.folder) / "c")

    @property
    def _door_path(self) -> Path:
        return self._sockets / "door"

    def _folder(self, path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _name(self, pid_file: Path, version: int) -> str:
        """Return a container's name, which follows from that of its file on this machine alone."""
        digest = hashlib.sha256(str(pid_file).encode()).hexdigest()[:8]
        return f"mlwright-{self._place.environment[:32]}-v{version}-{digest}"

    def _sweep(self) -> None:
        """Remove what no file tells of, as the containers of a folder that somebody emptied."""
        mine = f"label={_LABEL}={self._place.folder}"
        what = f"the containers of {self._place.environment} cannot be removed"
        found = self._engine.ask("ps", "--all", "--quiet", "--filter", mine, what=what).split()
        if found:
            self._engine.ask("rm", "--force", *found, what=what)


def _bind(folder: Path) -> str:
    if "," in str(folder):
        raise ConfigError(
            f"{folder} has a comma in its path, and cannot be shared with a container",
            hint="move the workspace to a path without one",
        )
    return f"type=bind,source={folder},target={folder}"
