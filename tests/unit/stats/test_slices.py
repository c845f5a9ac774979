import numpy as np
import pytest

from mlwright.stats.conditions import conditions
from mlwright.stats.slices import NOT_JUDGED, worst_slices


def objects(values):
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def table(seed, n=4000):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.integers(18, 90, n).astype(float),
        "town": objects(rng.choice(["north", "south", "east"], n).tolist()),
        "fee": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
    }


def test_a_weak_pair_is_found_and_named():
    columns = table(0)
    bad = (columns["town"] == "south") & (columns["age"] > 72)
    losses = np.random.default_rng(1).exponential(np.where(bad, 1.0, 0.3))
    found = worst_slices(columns, losses)
    worst = found.weak[0]
    assert {column for column, _ in worst.conditions} == {"town", "age"}
    assert "town = south" in worst.name
    assert worst.loss.low > worst.elsewhere.high
    assert worst.gap.value == pytest.approx(0.7, abs=0.2)
    assert found.measured_on == found.chosen_on == 2000
    assert worst.loss.n < 400
    assert found.sentence().startswith(
        f"{found.looked_at} slices of one or two columns were looked at on 2,000 rows, and the "
        "worst of them measured on 2,000 others: "
    )


def test_noise_is_called_weak_no_more_often_than_promised():
    weak = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        columns = {f"c{i}": rng.integers(0, 4, 600).astype(float) for i in range(8)}
        weak += bool(worst_slices(columns, rng.exponential(1, 600), seed=seed).weak)
    assert weak <= 6  # 5% of 60 is 3, and gaps above 0 are half of the two sides


def test_a_missing_value_is_a_slice():
    columns = table(2)
    losses = np.where(np.isnan(columns["fee"]), 2.0, 0.1)
    losses += np.random.default_rng(0).random(len(losses)) * 0.1
    assert worst_slices(columns, losses).found[0].name == "fee is missing"


def test_few_rows_or_nothing_to_divide_by():
    assert worst_slices({"x": np.arange(199.0)}, np.ones(199)) == NOT_JUDGED
    assert NOT_JUDGED.sentence() == "Slices are not judged: that takes at least 200 rows."
    same = worst_slices({"x": np.zeros(400)}, np.arange(400.0))
    assert (same.found, same.looked_at, same.enough) == ((), 0, True)
    assert worst_slices({"x": np.arange(400.0) % 2}, np.ones(400)).found == ()


def test_equal_rows_and_seed_give_equal_slices():
    columns = table(3)
    losses = np.random.default_rng(1).random(4000)
    found = worst_slices(columns, losses, seed=4)
    assert found.to_json() == worst_slices(columns, losses, seed=4).to_json()


def test_the_levels_of_a_column():
    flag = [str(c) for c in conditions("flag", np.array([0.0, 1.0, 1.0, np.nan]))]
    assert flag == ["flag = 0", "flag = 1", "flag is missing"]
    ages = [str(c) for c in conditions("age", np.arange(100.0))]
    assert ages == ["age up to 24", "age over 24 up to 49", "age over 49 up to 74", "age over 74"]
    texts = objects([f"{'x' * (i % 50)}{i}" for i in range(200)])
    assert conditions("text", texts)[0].level.startswith("length up to ")
    many = objects([f"v{i % 12}" for i in range(600)])
    assert len(conditions("v", many)) == 10
    assert conditions("none", np.full(3, np.nan))[0].level == "is missing"


def test_text_that_is_seldom_repeated_is_taken_by_its_length():
    values = np.empty(4000, dtype=object)
    values[:] = [f"{n} " + "a" * (n % 40) for n in range(4000)]
    values[:40] = "sorry, later"  # often enough to be seen, too seldom to be a slice
    assert [c.level[:6] for c in conditions("text", values)] == ["length"] * 4
