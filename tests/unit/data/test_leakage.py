import numpy as np
import pytest
from sklearn import datasets

from mlwright.data.leakage import Leak, leaks

N = 4000


def test_a_column_that_knows_the_answer_is_named():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    reason = np.where(y == 1, np.where(rng.random(N) < 0.5, "moved", "price"), None).astype(object)
    columns = {"reason": reason, "honest": y + rng.normal(0, 1, N)}
    found = leaks(columns, y, "binary")
    assert list(found) == ["reason"]
    assert found["reason"].score > 0.99
    assert found["reason"].why == "alone"


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
    assert leaks(columns, y, "multiclass") == {"copy": Leak(1.0, "alone")}


def test_nulls_may_leak_too():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    ended = np.where(y == 1, rng.normal(size=N), np.nan)
    assert list(leaks({"ended": ended}, y, "binary")) == ["ended"]


def binary(noise, others):
    """A target, a column that tells it but for a share of noise, and weaker columns."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    told = np.where(rng.random(N) < noise, 1 - y, y) + rng.normal(0, 0.1, N)
    weak = {f"x{i}": y * strength + rng.normal(size=N) for i, strength in enumerate(others)}
    return {"told": told, **weak}, y


def test_a_column_far_above_all_the_others_together_is_named():
    columns, y = binary(0.08, [0.4, 0.5, 0.3])
    found = leaks(columns, y, "binary")
    assert list(found) == ["told"]
    assert found["told"].why == "more_than_the_rest"
    assert 0.85 < found["told"].score < 0.98


def test_a_strong_column_among_strong_ones_is_none():
    columns, y = binary(0.08, [2.0, 2.0])
    assert leaks(columns, y, "binary") == {}


def test_a_number_that_tells_much_beside_noise():
    rng = np.random.default_rng(0)
    y = rng.normal(size=N)
    columns = {"told": y + rng.normal(0, 0.5, N), "noise": rng.normal(size=N)}
    assert leaks(columns, y, "regression")["told"].why == "more_than_the_rest"
    assert leaks({"told": columns["told"]}, y, "regression") == {}


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("iris", "multiclass"),
        ("wine", "multiclass"),
        ("breast_cancer", "binary"),
        ("diabetes", "regression"),
        ("digits", "multiclass"),
    ],
)
def test_honest_tables_have_no_leaks(name, task):
    data, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    columns = {f"x{i}": column for i, column in enumerate(data.astype(float).T)}
    assert leaks(columns, target, task) == {}


def test_a_column_without_values_and_a_table_of_a_few_rows():
    y = np.array([0, 1] * 20)
    assert leaks({"empty": np.full(40, np.nan)}, y, "binary") == {}
    assert list(leaks({"copy": y.astype(float)}, y, "binary")) == ["copy"]
