"""How often the no-harm rule of a retraining refuses what is harmless, and finds what is not.

Run: python bench/simulate_harm.py [--runs 300] [--bike FILE] [--telco FILE]
The rule was chosen after a look at bike sharing 2011 against 2012. Nothing here was looked at then:
simulated losses (seeds from 30,000), the months of 2011 among themselves, and telephone customers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from mlwright.retrain.harm import harmed_slices
from mlwright.stats.bootstrap import paired_difference
from mlwright.stats.intervals import wilson

SEED = 30_000


def simulated(runs: int) -> None:
    """Challengers that gain 5% of the loss, or 5% but for one slice of a quarter of the rows."""
    print(f"{'simulated, 8 features':<52}{'rows':>6}{'refused':>9}   95% interval")
    cases = (
        ("better everywhere", -0.05, -0.05),
        ("as good everywhere", 0.0, 0.0),
        ("better, worse by 5% of the loss in one slice", -0.05, 0.05),
        ("better, worse by 20% in one slice", -0.05, 0.2),
        ("better, worse by 50% in one slice", -0.05, 0.5),
    )
    for rows in (600, 2000):
        for name, most, slice_ in cases:
            refused = sum(_refused(SEED + n, rows, most, slice_) for n in range(runs))
            share = wilson(refused, runs)
            span = f"{share.low:.1%} to {share.high:.1%}"
            print(f"{name:<52}{rows:>6,}{share.value:>9.1%}   {span}", flush=True)


def _refused(seed: int, rows: int, most: float, slice_: float) -> bool:
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(
        {f"n{i}": rng.normal(size=rows) for i in range(4)}
        | {f"c{i}": rng.choice(list("abcd"), rows) for i in range(4)}
    )
    ours = rng.exponential(0.5, rows)  # as log losses are: many small, some large
    change = np.where(table["c0"].to_numpy() == "a", slice_, most) * 0.5
    theirs = ours + change + rng.laplace(0, 0.1, rows)
    return bool(harmed_slices(table, ours, theirs, table.columns))


def bike(path: Path) -> None:
    """Train on the first months of 2011, again on three more, and judge on the two after these."""
    table = pl.read_csv(path)
    names = ["season", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "hum"]
    first = table.filter(pl.col("yr") == 0)
    print(f"bike sharing, months of 2011 ({', '.join(names)})")
    for last in range(2, 8):
        judging = first.filter(pl.col("mnth").is_between(last + 4, last + 5))
        ours, theirs = (
            _squared(first.filter(pl.col("mnth") <= upto), judging, names)
            for upto in (last, last + 3)
        )
        _say(f"months 1 to {last} against 1 to {last + 3}", judging, ours, theirs, names)


def _squared(train: pl.DataFrame, judging: pl.DataFrame, names: list[str]) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=0)
    model.fit(_matrix(train, names), train["cnt"].to_numpy())
    return (judging["cnt"].to_numpy() - model.predict(_matrix(judging, names))) ** 2


def telco(path: Path) -> None:
    """Challengers of 4,000 customers against 1,000; then of those without a kind of contract."""
    table = pl.read_csv(path)
    names = ["Contract", "InternetService", "PaymentMethod", "tenure", "MonthlyCharges"]
    names += ["OnlineSecurity", "TechSupport", "SeniorCitizen"]
    counts = {"more rows": [0, 0], "no two-year contracts": [0, 0]}
    for seed in range(20):
        drawn = table.sample(fraction=1.0, shuffle=True, seed=SEED + seed)
        judging, few, many = drawn[:2000], drawn[2000:3000], drawn[2000:6000]
        blind = many.filter(pl.col("Contract") != "Two year")
        for name, ours, theirs in (
            ("more rows", few, many),
            ("no two-year contracts", many, blind),
        ):
            found = [_log_loss(rows, judging, names) for rows in (ours, theirs)]
            counts[name][0] += bool(harmed_slices(judging, *found, names))
            counts[name][1] += paired_difference(*found, level=0.98, seed=seed).low > 0
    for name, (refused, better) in counts.items():
        print(f"telephone customers, {name}: refused {refused} of 20, better on the whole {better}")


def _log_loss(train: pl.DataFrame, judging: pl.DataFrame, names: list[str]) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    y, truth = ((part["Churn"] == "Yes").to_numpy() for part in (train, judging))
    both = (
        pl.concat([train, judging])
        .select(names)
        .to_dummies([n for n in names if train[n].dtype == pl.String])
    )
    matrix = both.fill_null(0).to_numpy().astype(float)
    matrix = (matrix - matrix.mean(0)) / np.maximum(matrix.std(0), 1e-9)
    model = LogisticRegression(max_iter=500).fit(matrix[: train.height], y)
    p = np.clip(model.predict_proba(matrix[train.height :])[:, 1], 1e-6, 1 - 1e-6)
    return -np.where(truth, np.log(p), np.log(1 - p))


def _matrix(table: pl.DataFrame, names: list[str]) -> np.ndarray:
    return np.column_stack(
        [
            table[n].cast(pl.Float64).to_numpy()
            if table[n].dtype.is_numeric()
            else table[n].cast(pl.String).hash(0).mod(1000).cast(pl.Float64).to_numpy()
            for n in names
        ]
    )


def _say(what: str, judging: pl.DataFrame, ours: np.ndarray, theirs: np.ndarray, names) -> None:
    gain = paired_difference(ours, theirs, level=0.98, seed=0)
    harms = harmed_slices(judging, ours, theirs, names[:8])
    verdict = f"refused: {'; '.join(harms)}" if harms else "no harm"
    print(f"  {what}: gain {gain.value:,.0f} [{gain.low:,.0f}, {gain.high:,.0f}], {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--bike", type=Path)
    parser.add_argument("--telco", type=Path)
    asked = parser.parse_args()
    simulated(asked.runs)
    if asked.bike:
        bike(asked.bike)
    if asked.telco:
        telco(asked.telco)


if __name__ == "__main__":
    main()
