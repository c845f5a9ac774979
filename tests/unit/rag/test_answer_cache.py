"""The caches, each by the same suite; Redis is a real one."""

from __future__ import annotations

import pytest

from mlwright.core import clock
from mlwright.core.errors import RemoteError
from mlwright.rag.cache import key_of, open_cache
from mlwright.rag.config_answers import Cache


@pytest.fixture(params=["memory", "disk", "redis"])
def cache(request, tmp_path):
    url = request.getfixturevalue("redis_url") if request.param == "redis" else "redis://x"
    return open_cache(Cache(type=request.param, size=5, url=url, ttl=60), tmp_path)


def test_what_was_put_is_got_and_nothing_else(cache):
    assert cache.get("a") is None
    cache.put("a", b"\x00one")
    cache.put("a", b"two")
    assert cache.get("a") == b"two"
    assert cache.get("b") is None


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_what_is_old_is_gone(kind, tmp_path, monkeypatch):
    made = open_cache(Cache(type=kind, ttl=60), tmp_path)
    made.put("a", b"one")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 61)
    assert made.get("a") is None


def test_memory_is_bounded_by_what_was_asked_for_longest_ago(tmp_path):
    made = open_cache(Cache(type="memory", size=2), tmp_path)
    made.put("a", b"1")
    made.put("b", b"2")
    made.get("a")
    made.put("c", b"3")
    assert [made.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_the_disk_is_shared_by_processes_and_damage_is_a_miss(tmp_path):
    one, two = (open_cache(Cache(type="disk"), tmp_path) for _ in range(2))
    one.put("a", b"1")
    assert two.get("a") == b"1"
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "answers.db").write_bytes(b"no database" * 500)
    bad = open_cache(Cache(type="disk"), tmp_path / "bad")
    bad.put("a", b"1")
    assert bad.get("a") is None


def test_redis_that_is_down_is_told_at_the_start(tmp_path):
    pytest.importorskip("redis")
    with pytest.raises(RemoteError, match="the answer cache in Redis does not answer"):
        open_cache(Cache(type="redis", url="redis://127.0.0.1:9/0"), tmp_path)


def test_keys_tell_apart_all_that_an_answer_depends_on():
    assert key_of("a", "bc") != key_of("ab", "c")
    assert key_of("a", None, {"k": 1}) == key_of("a", None, {"k": 1})
    assert open_cache(Cache(), None) is None
