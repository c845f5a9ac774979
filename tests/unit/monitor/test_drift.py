import numpy as np
import pytest
from scipy import stats

from mlwright.core.signature import Column, Signature
from mlwright.monitor.drift import find
from mlwright.profile.make import profile

NUMBER = Signature((Column("x", "number"),), "regression", "y")
CATEGORY = Signature((Column("x", "category"),), "regression", "y")


def compare(reference, current, signature=NUMBER, **options):
    first = profile({"x": np.asarray(reference)}, signature)
    second = profile({"x": np.asarray(current)}, signature, like=first)
    return find(first, second, {"x": 0.5}, **options)


def words(*counts):
    return np.array([f"c{i}" for i, n in enumerate(counts) for _ in range(n)], dtype=object)


def test_ks_is_that_of_the_values():
    rng = np.random.default_rng(0)
    reference, current = rng.normal(0, 1, 900), rng.normal(0.3, 1, 800)
    (found,) = compare(reference, current)
    oracle = stats.ks_2samp(reference, current, method="asymp")
    # Fewer distinct values than edges: only points between two of them can be missed.
    assert found.statistic == pytest.approx(oracle.statistic, abs=2 / 900)
    assert found.drifted
    assert found.interval.low < found.effect < found.interval.high


def test_chi_squared_is_that_of_the_counts():
    (found,) = compare(words(500, 300, 200), words(200, 250, 150), CATEGORY)
    oracle = stats.chi2_contingency([[500, 300, 200], [200, 250, 150]], correction=False)
    assert (found.statistic, found.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert found.method == "chi_squared"
    assert found.effect == pytest.approx(
        abs(np.array([0.5, 0.3, 0.2]) - [1 / 3, 5 / 12, 1 / 4]).sum() / 2
    )


def test_a_new_category_in_every_row_is_drift():
    (found,) = compare(words(50_000, 50_000), np.array(["new"] * 600, dtype=object), CATEGORY)
    assert found.drifted
    assert found.effect == 1.0


def test_nulls_of_a_number_are_a_finding_of_their_own():
    rng = np.random.default_rng(0)
    current = rng.normal(0, 1, 1000)
    current[:200] = np.nan
    first, second = compare(rng.normal(0, 1, 5000), current)
    assert (first.kind, first.drifted) == ("missing_values", True)
    assert first.effect == pytest.approx(0.2)
    assert (second.kind, second.drifted) == ("data_drift", False)


def test_nulls_of_a_category_are_a_category():
    current = np.array(["c0", None] * 300, dtype=object)
    (found,) = compare(words(1000), current, CATEGORY)
    assert found.drifted
    assert found.effect == 0.5


def test_rare_categories_do_not_raise_false_alarms():
    """Forty categories of about two rows each: raw chi-squared counts on too little."""
    rng = np.random.default_rng(5)
    shares = np.r_[0.9, np.full(40, 0.1 / 40)]
    alarms = 0
    for _ in range(200):
        pair = [words(*rng.multinomial(n, shares)) for n in (20_000, 600)]
        (found,) = compare(*pair, CATEGORY, q=0.05, floor=0.0)
        alarms += found.drifted
    assert alarms <= 20  # 10 expected, 99.9% of such counts are at most 20


def test_a_tiny_shift_of_many_rows_is_below_the_floor():
    rng = np.random.default_rng(0)
    (found,) = compare(rng.normal(0, 1, 200_000), rng.normal(0.05, 1, 200_000))
    assert found.p_value < 1e-9
    assert not found.drifted


@pytest.mark.parametrize(("rows", "floor"), [(600, 0.05), (600, 0.0), (20_000, 0.05)])
def test_the_smallest_shift_is_found_nine_times_in_ten(rows, floor):
    rng = np.random.default_rng(rows)
    reference = rng.normal(0, 1, 20_000)
    (found,) = compare(reference, rng.normal(0, 1, rows), floor=floor)
    # The distance of two normals d apart is 2 * Phi(d / 2) - 1.
    apart = 2 * stats.norm.ppf((1 + found.smallest) / 2)
    hits = [
        compare(reference, rng.normal(apart, 1, rows), floor=floor)[0].drifted for _ in range(60)
    ]
    assert np.mean(hits) >= 0.8  # 48 of 60: one chance in a hundred at .9


def test_the_smallest_change_of_categories_is_found_nine_times_in_ten():
    rng = np.random.default_rng(2)
    shares = np.full(6, 1 / 6)
    reference = words(*(shares * 12_000).astype(int))
    (found,) = compare(reference, words(*rng.multinomial(600, shares)), CATEGORY)
    moved = shares + found.smallest * np.r_[1, -np.full(5, 0.2)]
    hits = [
        compare(reference, words(*rng.multinomial(600, moved)), CATEGORY)[0].drifted
        for _ in range(100)
    ]
    assert np.mean(hits) >= 0.83


def test_findings_are_ranked_by_effect_times_importance():
    rng = np.random.default_rng(0)
    names = ("small", "large", "still")
    signature = Signature(tuple(Column(n, "number") for n in names), "regression", "y")
    first = {name: rng.normal(0, 1, 3000) for name in names}
    second = {
        "small": rng.normal(0.4, 1, 2000),
        "large": rng.normal(0.8, 1, 2000),
        "still": rng.normal(0, 1, 2000),
    }
    reference = profile(first, signature, scores=first["large"])
    current = profile(second, signature, scores=second["large"], like=reference)
    ranked = find(reference, current, {"small": 0.8, "large": 0.1, "still": 0.1})
    assert [(f.feature, f.drifted) for f in ranked] == [
        ("small", True),
        ("large", True),
        ("prediction", True),
        ("still", False),
    ]


def test_psi_is_taken_on_tenths_of_the_reference():
    rng = np.random.default_rng(0)
    same, moved = rng.normal(0, 1, (2, 1000))
    (still,) = compare(rng.normal(0, 1, 10_000), same)
    (shifted,) = compare(rng.normal(0, 1, 10_000), moved + 0.5)
    assert still.psi < 0.03
    # The index of two normals d apart is d squared, a little less on ten bins.
    assert 0.18 < shifted.psi < 0.29


def test_empty_and_constant_columns_are_no_crash():
    nothing = np.full(100, np.nan)
    (found,) = compare(nothing, nothing)
    assert (found.kind, found.drifted, found.p_value) == ("missing_values", False, 1.0)
    (found,) = compare(np.zeros(100), np.zeros(700))
    assert (found.effect, found.drifted) == (0.0, False)
    (found,) = compare(np.zeros(1000), np.ones(700))
    assert (found.effect, found.drifted) == (1.0, True)
