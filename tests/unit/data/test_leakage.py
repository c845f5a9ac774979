import numpy as np

from mlwright.data.leakage import leaks

N = 4000


def test_a_column_that_knows_the_answer_is_named():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    reason = np.where(y == 1, np.where(rng.random(N) < 0.5, "moved", "price"), None).astype(object)
    columns = {"reason": reason, "honest": y + rng.normal(0, 1, N)}
    found = leaks(columns, y, "binary")
    assert list(found) == ["reason"]
    assert found["reason"] > 0.99


def test_many_categories_alone_are_no_leak():
    rng = np.random.default_rng(0)
    names = np.array([f"n{i}" for i in rng.integers(0, 3000, N)], dtype=object)
    assert leaks({"names": names}, rng.integers(0, 2, N), "binary") == {}


def test_numbers_that_add_up_to_the_target_are_named():
    rng = np.random.default_rng(0)
    casual, registered = rng.poisson(30, N).astype(float), rng.poisson(100, N).astype(float)
    columns = {"casual": casual, "registered": registered, "other": rng.normal(size=N)}
    assert sorted(leaks(columns, casual + registered, "regression")) == ["casual", "registered"]


def test_several_classes():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, N)
    columns = {"copy": y * 2.0, "near": y + rng.normal(0, 0.5, N)}
    assert leaks(columns, y, "multiclass") == {"copy": 1.0}


def test_nulls_may_leak_too():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    ended = np.where(y == 1, rng.normal(size=N), np.nan)
    assert list(leaks({"ended": ended}, y, "binary")) == ["ended"]
