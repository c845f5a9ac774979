"""The model that a fine-tuning starts from: a folder, or a hub's id in the local cache.

Weights are read from safetensors alone, and no code that comes with a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlwright.core.backends import require
from mlwright.core.errors import ConfigError, NotFound, RemoteError

_ID = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_NEEDED_BY = "algorithm 'transformer'"
_USUALLY_LONGEST = 512
_COUNT_FROM_TWO = {"camembert", "mpnet", "roberta", "xlm-roberta"}
"""Models whose first two positions stand for padding."""


def pretrained(
    base: str, *, download: bool = False, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Return the folder of a base model; `organisation/name@revision` is looked up in the cache.

    Args:
        base: a folder, or the id of a model on the Hugging Face hub.
        download: fetch it from the hub where the cache does not hold it.
        say: takes a line a step.

    Raises:
        ConfigError: the folder holds no model that can be used, or the id must be downloaded first.
        NotFound: there is no such folder, or no such model on the hub.
        RemoteError: the hub cannot be reached.
    """
    folder = Path(base).expanduser()
    if folder.is_dir():
        return _checked(folder)
    if folder.exists() or not _ID.fullmatch(base) or base.startswith("."):
        raise NotFound(
            f"the base model {base!r} is no folder",
            hint="give a folder with config.json, tokenizer.json and model.safetensors, or a "
            "hub's id such as distilbert/distilbert-base-uncased",
        )
    return _checked(_from_hub(base, download, say))


def tokenizer_of(folder: Path) -> str:
    """Return the JSON of the model's tokenizer.

    Raises:
        ConfigError: it has none that can be written as data.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    transformers = require("transformers", extra="transformer", needed_by=_NEEDED_BY)
    try:
        found = transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        return str(found.backend_tokenizer.to_str())
    except Exception as exc:  # whatever a foreign file leads to
        raise _unusable(folder, "its tokenizer cannot be read") from exc


def longest(folder: Path) -> int:
    """Return how many tokens the model reads at most."""
    config = _json(folder / "config.json")
    places = config.get("max_position_embeddings")
    if isinstance(places, int) and config["model_type"] in _COUNT_FROM_TWO:
        places -= 2
    found = [places]
    if (folder / "tokenizer_config.json").is_file():
        found.append(_json(folder / "tokenizer_config.json").get("model_max_length"))
    limits = [int(each) for each in found if isinstance(each, int) and each > 0]
    return min(limits, default=_USUALLY_LONGEST)


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of the model's weights, configuration and tokenizer."""
    files = [p for pattern in _WANTED for p in folder.glob(pattern)]
    stamp = tuple(sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files))
    return _fingerprint(folder.resolve(), stamp)


@lru_cache(maxsize=8)
def _fingerprint(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for name, _, _ in files:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name} {digest}\n".encode())
    return whole.hexdigest()


def _from_hub(base: str, download: bool, say: Callable[[str], None]) -> Path:
    hub = require("huggingface_hub", extra="transformer", needed_by=_NEEDED_BY)
    from huggingface_hub import errors

    name, _, revision = base.partition("@")
    wanted = {"repo_id": name, "revision": revision or None, "allow_patterns": _WANTED}
    try:
        return Path(hub.snapshot_download(**wanted, local_files_only=True))
    except (errors.LocalEntryNotFoundError, errors.HFValidationError) as exc:
        if not download:
            raise ConfigError(
                f"the base model {base!r} is neither a folder nor in this machine's cache",
                hint="add --download to fetch it from the Hugging Face hub, or give a folder",
            ) from exc
    say(f"downloading {base} from the Hugging Face hub")
    try:
        return Path(hub.snapshot_download(**wanted))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as exc:
        raise NotFound(
            f"the hub has no model {base!r} that may be read",
            hint="look for its id on https://huggingface.co/models; a private one needs HF_TOKEN",
        ) from exc
    except Exception as exc:  # httpx, OSError and the hub's own
        raise RemoteError(
            f"the base model {base!r} cannot be downloaded: {type(exc).__name__}",
            hint="check the connection, or give the folder of a copy to --base",
        ) from exc


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise _unusable(folder, "it has no config.json")
    config = _json(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise _unusable(folder, "its config.json names no model_type")
    if not any(folder.glob("*.safetensors")):
        raise _unusable(folder, "it has no weights in safetensors")
    return folder


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise _unusable(path.parent, f"its {path.name} is not JSON") from exc
    if not isinstance(found, dict):
        raise _unusable(path.parent, f"its {path.name} is no object")
    return found


def _unusable(folder: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the base model in {folder} cannot be used: {why}",
        hint="give a folder as `save_pretrained` of the library transformers writes it",
    )
