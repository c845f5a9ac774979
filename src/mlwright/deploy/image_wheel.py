"""The installed mlwright as a wheel, so that an image has the very code that made it."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

import mlwright

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # equal code makes an equal file
_WHEEL = "Wheel-Version: 1.0\nGenerator: mlwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel() -> tuple[str, bytes]:
    """Return the name and the content of a wheel of what is running here."""
    about = distribution("mlwright")
    stem = f"mlwright-{about.version}"
    files = _code(Path(mlwright.__file__).parent) | {
        f"{stem}.dist-info/METADATA": _text(
            about.read_text("METADATA") or about.read_text("PKG-INFO")
        ),
        f"{stem}.dist-info/WHEEL": _WHEEL.encode(),
        f"{stem}.dist-info/entry_points.txt": _text(about.read_text("entry_points.txt")),
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = _record(files, record)
    return f"{stem}-py3-none-any.whl", _zipped(files)


def _code(package: Path) -> dict[str, bytes]:
    found = [path for path in package.rglob("*") if path.is_file()]
    return {
        f"{package.name}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(found)
        if "__pycache__" not in path.parts
    }


def _text(found: str | None) -> bytes:
    return (found or "").encode()


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    return "\n".join([*lines, f"{own},,", ""]).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return made.getvalue()
