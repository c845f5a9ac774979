"""A folder as one file: equal folders make equal bytes, and nothing is written outside."""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mlwright.core.errors import BundleError

MOST_FILES = 10_000
GROWTH = 200
"""How many times its size an archive that others packed may hold."""

_SMALL = 64_000_000  # bytes that any archive may hold
_SKIPPED = ("__pycache__", ".git", ".venv", ".mlwright", "registered_model_meta")
"""What is no part of a model: caches, histories, and what MLflow notes of where it fetched it."""


def pack(folder: Path, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Return a folder's files, and further ones, as a zip archive without times or owners.

    Raises:
        BundleError: it holds links, which could lead outside, or very many files.
    """
    files = dict(extra or {})
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if set(inside.parts) & set(_SKIPPED) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise BundleError(f"{path} is a link", hint="put the file itself there")
        if path.is_file():
            files[inside.as_posix()] = path.read_bytes()
        if len(files) > MOST_FILES:
            raise BundleError(
                f"{folder} holds more than {MOST_FILES:,} files", hint="give the model's own folder"
            )
    return pack_files(files)


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Return files by name as a zip archive.

    >>> sorted(unpacked(pack_files({"b/c": b"1", "a": b"2"})))
    ['a', 'b/c']
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive by name.

    Raises:
        BundleError: it is no archive, or a name leads outside.
    """
    check_growth(data, 1)  # `pack_files` compresses nothing
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as exc:
        raise BundleError("the model's archive is damaged", hint="package the model again") from exc
    for name in files:
        parts = name.replace("\\", "/").split("/")
        if name.startswith("/") or ".." in parts or not parts[-1]:
            raise BundleError(
                "the model's archive holds a path that leads outside",
                hint="package the model again",
            )
    return files


def check_growth(data: bytes, most: int = GROWTH) -> None:
    """Refuse an archive whose files would fill the memory.

    Raises:
        BundleError: it holds more than `most` times its own size, or very many files.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = [each.file_size for each in archive.infolist()]  # no more is ever read of one
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError):
        return  # whoever opens it says so
    if sum(sizes) > max(_SMALL, most * len(data)) or len(sizes) > 10 * MOST_FILES:
        raise BundleError(
            f"the model's archive holds {len(sizes):,} files of {sum(sizes):,} bytes in "
            f"{len(data):,}",
            hint="nothing that a library has saved looks so; do not use it",
        )


def unpacked_for(owner: object, data: bytes) -> Path:
    """Write the files of an archive into a folder that goes when its owner does.

    Raises:
        BundleError: as `unpacked`.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlw-"))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    unpack(data, folder)
    return folder


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of an archive below a folder.

    Raises:
        BundleError: as `unpacked`.
    """
    try:
        for name, content in unpacked(data).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except (OSError, ValueError) as exc:  # a name that is too long, or a file's and a folder's too
        raise BundleError(
            f"the model's archive cannot be written to {folder}: {exc}",
            hint="make room there, or package the model again",
        ) from exc
