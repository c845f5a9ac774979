"""A base image for tests, made of this machine's own Python: no registry needs to be reached.

It has the interpreter without its packages but for pip, the libraries that it is linked against, a
shell, the certificates, and what is asked for besides.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path

_HOME = "usr/local"
_LEFT_OUT = (
    "site-packages",
    "__pycache__",
    "test",
    "idlelib",
    "tkinter",
    "ensurepip",
    "turtledemo",
)
_USUAL = (
    *("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"),
    *("libstdc++.so.6", "libgcc_s.so.1"),
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_CONTAINERS = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


def podman_settings(folder: Path) -> dict[str, str]:
    """Return the environment variables with which podman keeps all it has in a folder.

    They work for root on a machine without systemd, or in a container itself.
    """
    (folder / "containers.conf").write_text(_CONTAINERS)
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
    }


def base_image(
    engine: str, tag: str, *, packages: Iterable[str] = (), files: Mapping[str, str] | None = None
) -> None:
    """Make a base image with these installed distributions, and these texts as files, by path.

    Raises:
        CalledProcessError: the engine refused.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    change = [
        f"ENV PATH=/{_HOME}/bin:/usr/bin:/bin",
        f"ENV LD_LIBRARY_PATH=/{_HOME}/lib",
        "ENV LANG=C.UTF-8",
    ]
    command = [engine, "import", *(part for each in change for part in ("--change", each))]
    with subprocess.Popen([*command, "-", tag], stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None  # noqa: S101
        with tarfile.open(fileobj=importing.stdin, mode="w|") as tar:
            _interpreter(tar, python)
            for name in ("pip", *packages):
                _distribution(tar, distribution(name), f"{_HOME}/lib/{python}/site-packages")
            for path, text in (files or {}).items():
                _text(tar, path.lstrip("/"), text)
    if importing.returncode:
        raise subprocess.CalledProcessError(importing.returncode, command)


def _interpreter(tar: tarfile.TarFile, python: str) -> None:
    executable = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib"))
    shell = Path("/bin/sh").resolve()
    libraries = {*_libraries([executable, shell, *standard.glob("lib-dynload/*.so")]), *_usual()}
    for path in sorted(libraries):
        ours = path.is_relative_to(sys.base_prefix)
        tar.add(path.resolve(), f"{_HOME}/lib/{path.name}" if ours else str(path).lstrip("/"))
    tar.add(executable, f"{_HOME}/bin/{python}")
    for name in ("python3", "python"):
        _link(tar, f"{_HOME}/bin/{name}", python)
    tar.add(shell, "bin/sh")
    tar.add(standard, f"{_HOME}/lib/{python}", filter=_kept)
    for folder, mode in (("tmp", 0o1777), ("usr/bin", 0o755), ("etc", 0o755), ("proc", 0o755)):
        _folder(tar, folder, mode)
    if _CERTIFICATES.exists():
        for place in (_CERTIFICATES, Path("/usr/lib/ssl/cert.pem")):
            tar.add(_CERTIFICATES.resolve(), str(place).lstrip("/"))


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    return {Path(found) for found in re.findall(r"(/\S+\.so\S*)(?= \(0x)", done.stdout)}


def _usual() -> Iterable[Path]:
    """Return what packages expect of any system."""
    done = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False)
    for path in map(Path, re.findall(r"=> (/\S+)", done.stdout)):
        if path.name in _USUAL:
            yield path


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(member.name).parts
    return None if set(parts) & set(_LEFT_OUT) else member


def _distribution(tar: tarfile.TarFile, found: Distribution, folder: str) -> None:
    for file in found.files or ():
        path = Path(str(file.locate()))
        if ".." not in file.parts and path.is_file() and path.suffix != ".pyc":
            tar.add(path, f"{folder}/{file}")


def _text(tar: tarfile.TarFile, path: str, text: str) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(text.encode()), 0o644
    tar.addfile(member, io.BytesIO(text.encode()))


def _link(tar: tarfile.TarFile, path: str, to: str) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.SYMTYPE, to
    tar.addfile(member)


def _folder(tar: tarfile.TarFile, path: str, mode: int) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)
