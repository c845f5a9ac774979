import numpy as np
import pytest

from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile
from mlwright.profile.pack import columns, pack, total, unpack

SIGNATURE = Signature((Column("x", "number"), Column("c", "category")), "regression", "y")


def drawn(rows, seed, like=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 10.0 ** rng.integers(-9, 9, rows))
    x[::7] = np.nan
    words = np.array([*"abcdefgh", None], dtype=object)[rng.integers(0, 9, rows)]
    return profile({"x": x, "c": words}, SIGNATURE, scores=rng.random(rows), like=like)


def test_parts_in_any_order_are_the_sum_to_the_bit():
    reference = drawn(3000, 0)
    parts = [drawn(50 + n, n, reference) for n in range(1, 30)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    packed = [unpack(pack(part)) for part in parts]
    assert total(packed, reference) == whole
    shuffled = [packed[i] for i in np.random.default_rng(1).permutation(len(packed))]
    assert total(shuffled, reference) == whole
    assert columns(shuffled, {"x": reference.columns["x"]}) == {"x": whole.columns["x"]}


def test_nothing_is_an_empty_profile():
    found = total([], drawn(100, 0))
    assert (found.rows, found.columns["x"].rows, found.columns["c"].rows) == (0, 0, 0)


def test_other_edges_do_not_add_up():
    with pytest.raises(ValueError, match="the same edges"):
        total([unpack(pack(drawn(300, 1)))], drawn(900, 2))
