"""A bundle on disk: a flat folder of files, named and hashed in `bundle.json`.

The hash of a bundle is the SHA-256 of `bundle.json`, which holds the hash of every other file.
It is also written into `bundle.sha256`, so that a copy under any folder name can be verified.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlwright.core.errors import BundleError

MANIFEST = "bundle.json"
SEAL = "bundle.sha256"
MEASURED = "engines.json"
"""Stands beside the sealed files: a measurement is no part of what the hash names."""
FORMAT = 1

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HASH = re.compile(r"[0-9a-f]{64}")
_HINT = "copy it again from where it was made, or train the model again"


def seal(contents: Mapping[str, bytes], facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return every file of the bundle: the contents, the manifest over them, and the seal."""
    files = {name: _digest(data) for name, data in contents.items()}
    manifest = to_bytes({**facts, "format": FORMAT, "files": files}, sort=True)
    return {**contents, MANIFEST: manifest, SEAL: f"{_digest(manifest)}\n".encode()}


def to_bytes(value: Any, *, sort: bool = False) -> bytes:
    """Return the JSON of a value; sorted, where the order of its keys means nothing."""
    text = json.dumps(value, indent=1, sort_keys=sort, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def read(
    path: Path, *, ignore: Collection[str] = ()
) -> tuple[str, dict[str, Any], dict[str, bytes]]:
    """Read and verify a bundle; return its hash, its manifest and the bytes of its files.

    Args:
        path: the bundle's folder.
        ignore: names of files beside the bundle's own that are no reason to refuse it.

    Raises:
        BundleError: a file is missing, altered, not listed, or not a plain file of the folder.
    """
    manifest = _file(path, MANIFEST)
    digest = _digest(manifest)
    if _file(path, SEAL).decode("ascii", "replace").strip() != digest:
        raise damaged(path, MANIFEST, f"does not match {SEAL}")
    if _HASH.fullmatch(path.name) and path.name != digest:
        raise damaged(path, MANIFEST, "does not match the folder's name")
    facts = _facts(path, manifest)
    known = {*facts["files"], MANIFEST, SEAL, MEASURED, *ignore}
    surplus = {entry.name for entry in path.iterdir()} - known
    if surplus:
        raise damaged(path, min(surplus), "is not listed in the manifest")
    return digest, facts, {name: _verified(path, name, facts) for name in facts["files"]}


def damaged(path: Path, file: str, why: str) -> BundleError:
    """Return the error for a file that is not as it was written."""
    return BundleError(f"the bundle {path} is damaged: {file} {why}", hint=_HINT)


def _facts(path: Path, manifest: bytes) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(manifest)
        files = dict(facts["files"])
        version = int(facts["format"])
    except (ValueError, KeyError, TypeError) as exc:
        raise damaged(path, MANIFEST, "is not a manifest") from exc
    if version > FORMAT:
        raise BundleError(
            f"the bundle {path} has format {version}, and this mlwright knows {FORMAT}",
            hint="pip install --upgrade mlwright",
        )
    for name in files:
        if not _FILE.fullmatch(name):
            raise damaged(path, MANIFEST, f"lists {name!r}, which is not a file of the bundle")
    return facts


def _verified(path: Path, name: str, facts: Mapping[str, Any]) -> bytes:
    data = _file(path, name)
    if _digest(data) != facts["files"][name]:
        raise damaged(path, name, "was altered")
    return data


def _file(path: Path, name: str) -> bytes:
    file = path / name
    if file.is_symlink():
        raise damaged(path, name, "is a link")
    try:
        return file.read_bytes()
    except FileNotFoundError as exc:
        if name == MANIFEST:
            raise BundleError(
                f"{path} is not a bundle: it has no {MANIFEST}",
                hint="give the folder that `mlwright train` or `mlwright models show` names",
            ) from exc
        raise damaged(path, name, "is missing") from exc
    except OSError as exc:
        raise damaged(path, name, f"cannot be read: {exc.strerror}") from exc


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
