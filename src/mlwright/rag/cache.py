"""Answers that were given before: the same question, index, prompt, model and API key.

A key is a hash over all of these, so that a new version of the index or prompt starts anew, and
nobody sees what another API key asked for. A cache that fails is no reason to fail: it is a miss.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from mlwright.core import clock
from mlwright.core.backends import Backend, Backends, require
from mlwright.core.errors import RemoteError

from . import config_answers

PREFIX = "mlwright:answer:"


class Cache(Protocol):
    """Keeps bytes for a while; safe to be called from several threads."""

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep a value for the time that the cache was made with."""
        ...


def open_memory(settings: config_answers.Cache, _folder: Path) -> Cache:
    """Return a cache in this process."""
    return MemoryCache(settings.size, settings.ttl)


def open_disk(settings: config_answers.Cache, folder: Path) -> Cache:
    """Return a cache that the processes of this machine share."""
    return DiskCache(folder / "answers.db", settings.size, settings.ttl)


def open_redis(settings: config_answers.Cache, _folder: Path) -> Cache:
    """Return a cache in a Redis server.

    Raises:
        RemoteError: it does not answer.
        MissingExtra: its package is not installed.
    """
    return RedisCache(settings.url, settings.ttl)


Opener = Callable[[config_answers.Cache, Path], Cache]

CACHES: Backends[Opener] = Backends(
    "answer cache",
    "mlwright.answer_caches",
    {
        "disk": Backend("mlwright.rag.cache:open_disk"),
        "memory": Backend("mlwright.rag.cache:open_memory"),
        "redis": Backend("mlwright.rag.cache:open_redis", "redis"),
    },
)


def open_cache(settings: config_answers.Cache, folder: Path) -> Cache | None:
    """Return the cache that the settings name, or None."""
    if settings.type == "none":
        return None
    return CACHES.load(settings.type)(settings, folder)


def key_of(*parts: object) -> str:
    """Return the key of all that an answer depends on."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class MemoryCache:
    """The answers asked for last, in this process."""

    def __init__(self, size: int, ttl: float) -> None:
        self._size = size
        self._ttl = ttl
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[0] < clock.now():
                self._kept.pop(key, None)
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; the one that was asked for longest ago goes."""
        with self._lock:
            self._kept[key] = (clock.now() + self._ttl, value)
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)


class DiskCache:
    """A file that the processes of this machine share; what is damaged or locked is a miss."""

    def __init__(self, path: Path, size: int, ttl: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._size = size
        self._ttl = ttl
        self._puts = 0
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            path, timeout=0.05, check_same_thread=False, isolation_level=None
        )
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("pragma journal_mode=wal")
            self._database.execute("pragma synchronous=off")
            self._database.execute(
                "create table if not exists answers (key text primary key, until real, value blob)"
                " without rowid"
            )

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            row = self._database.execute(
                "select value from answers where key = ? and until >= ?", (key, clock.now())
            ).fetchone()
            return None if row is None else bytes(row[0])
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; every so often, what is old or too much goes."""
        row = (key, clock.now() + self._ttl, value)
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.execute("insert or replace into answers values (?, ?, ?)", row)
            self._puts += 1
            if self._puts % 100 == 1:
                self._prune()

    def _prune(self) -> None:
        self._database.execute("delete from answers where until < ?", (clock.now(),))
        self._database.execute(
            "delete from answers where key in "
            "(select key from answers order by until desc limit -1 offset ?)",
            (self._size,),
        )


class RedisCache:
    """A Redis server; one that is slow or down later is a miss."""

    def __init__(self, url: str, ttl: float) -> None:
        redis = require("redis", extra="redis", needed_by="the answer cache 'redis'")
        self._errors = redis.RedisError
        self._ttl = max(1, int(ttl))
        self._client = redis.Redis.from_url(
            url, socket_timeout=0.25, socket_connect_timeout=1.0, decode_responses=False
        )
        try:
            self._client.ping()
        except self._errors as exc:
            raise RemoteError(
                "the answer cache in Redis does not answer",
                hint="start redis-server, mend cache.url, or set cache.type: disk",
            ) from exc

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None."""
        try:
            found: bytes | None = self._client.get(PREFIX + key)
        except self._errors:
            return None
        return found

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""
        with contextlib.suppress(self._errors):
            self._client.set(PREFIX + key, value, ex=self._ttl)
