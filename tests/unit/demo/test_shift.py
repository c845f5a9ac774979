import numpy as np
import polars as pl

from mlwright.demo.shift import (
    NEW_CHURN,
    PRICE_LIMIT,
    changed_response,
    expected_response,
    shifted,
)


def customers(rows: int = 3000) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "customer_id": range(rows),
            "contract": rng.choice(["Month-to-month", "One year", "Two year"], rows),
            "monthly_charges": rng.uniform(20, 110, rows).round(2),
            "churn": rng.choice(["No", "Yes"], rows, p=[0.8, 0.2]),
        }
    )


def test_prices_rise_the_mix_moves_and_labels_stay():
    before = customers()
    after = shifted(before, 1500, seed=1)
    assert after["customer_id"].n_unique() == 1500
    joined = after.join(before, on="customer_id", suffix="_before")
    assert (joined["churn"] == joined["churn_before"]).all()
    assert np.allclose(joined["monthly_charges"], joined["monthly_charges_before"] * 1.1, atol=0.01)
    share = [(t["contract"] == "Month-to-month").mean() for t in (before, after)]
    assert share[1] > share[0] + 0.1
    assert after.equals(shifted(before, 1500, seed=1))


def test_only_those_who_react_get_a_new_label():
    before = customers()
    after = changed_response(before, seed=1)
    reacts = (pl.col("contract") == "Month-to-month") & (pl.col("monthly_charges") > PRICE_LIMIT)
    assert after.filter(~reacts).equals(before.filter(~reacts))
    churned = (after.filter(reacts)["churn"] == "Yes").mean()
    assert abs(churned - NEW_CHURN) < 0.05


def test_the_mix_is_the_same_early_and_late():
    after = shifted(customers(), 1500, seed=1)["contract"] == "Month-to-month"
    assert abs(after.head(750).mean() - after.tail(750).mean()) < 0.06


def test_whom_the_model_expects_to_leave_leaves():
    before = customers()
    chances = np.where(np.arange(before.height) < 1000, 0.9, 0.1)
    after = expected_response(before, chances, seed=1)
    left = (after["churn"] == "Yes").to_numpy()
    assert abs(left[:1000].mean() - 0.9) < 0.03
    assert abs(left[1000:].mean() - 0.1) < 0.03
    assert after.drop("churn").equals(before.drop("churn"))
