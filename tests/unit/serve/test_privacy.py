from __future__ import annotations

import stat

import pytest

from mlwright.core.errors import ConfigError
from mlwright.serve.privacy import Keep, check_columns, log_key


def test_equal_values_have_equal_hashes_and_only_with_the_same_key():
    def hashed(value, key=b"k"):
        keep = Keep(leave_out=[], hash_columns=["a"], key=key)
        return keep.row({"a": value})["a"]

    assert hashed("x") == hashed("x") != hashed("y")
    assert hashed("x") != hashed("x", b"other")
    assert hashed("1") != hashed(1)
    assert hashed(None) is None


def test_a_column_that_is_misspelt_is_no_silence():
    with pytest.raises(ConfigError) as caught:
        check_columns(["emial"], ["email", "age"])
    assert str(caught.value) == "log: the model has no column 'emial'; did you mean 'email'?"


def test_the_key_is_made_once_and_nobody_elses(tmp_path):
    first = log_key(tmp_path / "production" / "log")
    path = tmp_path / "production" / "hash.key"
    assert log_key(tmp_path / "production" / "log") == first == path.read_bytes()
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
