"""The image of a bundle: a Dockerfile and what it copies; no engine is needed to write them.

The same bundle, code, packages and base have the same tag, so that an image is built once.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import Exported
from mlwright.bundle.manifest import MANIFEST, SEAL
from mlwright.core.errors import ConfigError

from .image_wheel import wheel

USER = 65532
"""The number of the user that an image's processes run as; nobody's, as the distroless ones'."""
FOLDER = "/bundle"
"""Where the bundle lies in an image."""
PORT = 8080

# What changes least comes first: a layer is made anew when one before it changed.
_DOCKERFILE = """\
ARG BASE={base}
FROM ${{BASE}}
ENV HOME=/tmp PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /opt/mlwright
RUN ["python", "-c", "import os; os.mkdir('/log'); os.chown('/log', {user}, {user})"]
COPY requirements.txt constraints.txt ./
RUN ["python", "-m", "pip", "install", "--no-cache-dir", \
"--constraint", "constraints.txt", "--requirement", "requirements.txt"]
COPY {wheel} ./
RUN ["python", "-m", "pip", "install", "--no-cache-dir", \
"--constraint", "constraints.txt", "./{wheel}"]
COPY bundle {folder}
LABEL mlwright.model={model} mlwright.version="{version}" mlwright.bundle="{digest}"
USER {user}:{user}
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", \
"from urllib.request import urlopen; urlopen('http://127.0.0.1:{port}/health/ready', timeout=2)"]
ENTRYPOINT ["mlwright"]
CMD ["serve", "{folder}", "--host", "0.0.0.0", "--port", "{port}", "--log", "/log"]
"""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is called, and the files that it is built from."""

    tag: str
    base: str
    files: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Write the files into a folder, made if need be: the context of a build.

        Raises:
            OSError: they cannot be written there.
        """
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def image_of(model: str, version: int, bundle: Bundle, *, base: str | None = None) -> Image:
    """Return the image of a bundle, by default on the official one of this Python's version.

    Raises:
        ConfigError: the bundle is of a kind that needs more than itself.
    """
    if bundle.kind != "tabular":
        raise ConfigError(
            f"{model}:{version} is no model but an application ({bundle.kind}): it needs more of "
            "this machine than its bundle, and has no image",
            hint="--platform local",
        )
    base = base or f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    name, code = wheel()
    needed = [each for each in bundle.requirements if not each.startswith("mlwright==")]
    names = ["mlwright", *(each.partition("==")[0] for each in needed)]
    files = {f"bundle/{name}": data for name, data in _sealed(bundle).items()} | {
        name: code,
        "requirements.txt": _lines(needed),
        "constraints.txt": _lines(pins(names)),
    }
    said = {
        "base": base,
        "model": json.dumps(model),
        "version": version,
        "digest": bundle.hash,
        "wheel": name,
        "user": USER,
        "folder": FOLDER,
        "port": PORT,
    }
    files["Dockerfile"] = _DOCKERFILE.format(**said).encode()
    return Image(_tag(model, version, files), base, files)


def export(bundle: Bundle, path: Path) -> Exported:
    """Write the folder that an engine builds the image of a bundle from, with nothing else."""
    image = image_of(bundle.name, 0, bundle)
    image.write(path)
    name = image.tag.partition(":")[0]
    return Exported(
        (path,),
        (
            f"docker build --tag {name} {path} makes the image; it answers on port {PORT}, and "
            "logs predictions to /log",
        ),
    )


def pins(names: Iterable[str]) -> list[str]:
    """Return all that these packages rest on, in the versions that are installed here.

    What is not installed is not named. That more is named than another machine needs does no harm:
    they are constraints.

    >>> [pin.partition("==")[0] for pin in pins(["pyyaml", "no-such-package"])]
    ['pyyaml']
    """
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = package.version
        needed = [each for each in package.requires or () if "extra ==" not in each]
        waiting += [re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0] for each in needed]
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name != "mlwright"]


def _sealed(bundle: Bundle) -> dict[str, bytes]:
    beside = {name: (bundle.path / name).read_bytes() for name in (MANIFEST, SEAL)}
    return {**bundle.files, **beside}


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _tag(model: str, version: int, files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-") or "model"
    return f"mlwright/{name}:{version}-{digest.hexdigest()[:12]}"
