import numpy as np
import polars as pl
import pytest


@pytest.fixture
def churn():
    """Customers: an id, numbers, text, one numeric text, and a target that depends on them."""
    rng = np.random.default_rng(0)
    rows = 500
    tenure = rng.integers(0, 70, rows)
    contract = rng.choice(["monthly", "yearly"], rows)
    chance = 1 / (1 + np.exp(0.06 * tenure - 1.5 * (contract == "monthly")))
    return pl.DataFrame(
        {
            "customerID": [f"{n:04}-X" for n in range(rows)],
            "tenure": tenure,
            "Contract": contract,
            "TotalCharges": [" ", *(f"{v:.2f}" for v in rng.random(rows - 1) * 100)],
            "<script>alert(1)</script>": rng.random(rows),
            "senior": rng.random(rows) < 0.3,
            "Churn": np.where(rng.random(rows) < chance, "Yes", "No"),
        }
    )
