"""What of a row the prediction log may keep: columns are left out, or replaced by a keyed hash."""

from __future__ import annotations

import os
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path

import msgspec

from mlwright.core.errors import ConfigError, did_you_mean

from .application import Row

KEY_FILE = "hash.key"
_BYTES = 32


class Keep:
    """Makes of a row what is logged.

    Equal values have equal hashes, so that they can be counted and joined; whoever has the log and
    not the key cannot try values out.

    >>> keep = Keep(leave_out=["name"], hash_columns=["email"], key=b"k")
    >>> keep.row({"name": "Ada", "email": "a@b.c", "age": 36})
    {'email': 'hash:580a2878f5c30545e861452d', 'age': 36}
    """

    def __init__(
        self, *, leave_out: Collection[str], hash_columns: Collection[str], key: bytes
    ) -> None:
        self._out = frozenset(leave_out)
        self._hash = frozenset(hash_columns)
        self._key = key

    def row(self, row: Row) -> Row:
        """Return a row as the log may have it; a null stays one."""
        return {
            name: self._hashed(value) if name in self._hash and value is not None else value
            for name, value in row.items()
            if name not in self._out
        }

    def _hashed(self, value: object) -> str:
        text = msgspec.json.encode(value)
        return f"hash:{blake2b(text, digest_size=12, key=self._key).hexdigest()}"


def check_columns(given: Collection[str], known: Collection[str]) -> None:
    """Refuse a column that the model does not have: it may be one that must not be logged.

    Raises:
        ConfigError: names it.
    """
    for name in given:
        if name not in known:
            raise ConfigError(
                f"log: the model has no column {name!r}{did_you_mean(name, known)}",
                hint="name the model's own columns under log.leave_out and log.hash",
            )


def log_key(folder: Path) -> bytes:
    """Return the key of the hashes of a log, made at the first call and kept beside its folder.

    Raises:
        ConfigError: it can neither be read nor made.
    """
    path = folder.parent / KEY_FILE
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{KEY_FILE}.{os.getpid()}")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(file, os.urandom(_BYTES))
        finally:
            os.close(file)
        try:
            os.link(fresh, path)  # only the first one stays, whoever else makes one now
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: the log's key cannot be made: {exc.strerror}") from exc
