"""Makes the two models that every server gets: `python models.py FOLDER`, with scikit-learn.

`floats`: XGBoost, 300 trees of depth 6 on 20 floats. `mixed`: 8 numbers and 4 texts through a
scaler, one-hot and a logistic regression. Beside them lie rows with the probabilities that the
models give, and the coefficients, from which the bundles are made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 20_000
KEPT = 200
CATEGORIES = ("monthly", "yearly", "biennial", "none")


def floats(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"f{i}": rng.normal(size=ROWS).round(4) for i in range(20)})
    target = (table["f0"] * table["f1"] + table["f2"] + rng.normal(size=ROWS) > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=300, max_depth=6, learning_rate=0.05, n_jobs=1)
    model.fit(table, target)
    model.save_model(folder / "floats.json")
    joblib.dump(model, folder / "floats.joblib")
    save_rows(folder / "floats.rows", table.head(KEPT), model)


def mixed(folder: Path) -> None:
    rng = np.random.default_rng(1)
    numbers = {f"n{i}": rng.normal(size=ROWS).round(4) for i in range(8)}
    texts = {f"t{i}": rng.choice(CATEGORIES, size=ROWS) for i in range(4)}
    table = pd.DataFrame({**numbers, **texts})
    logit = table["n0"] + (table["t0"] == "yearly") - (table["t1"] == "none")
    target = (logit + rng.normal(size=ROWS) > 0).astype(int)
    encoder = ColumnTransformer(
        [
            ("numbers", StandardScaler(), list(numbers)),
            ("texts", OneHotEncoder(handle_unknown="ignore"), list(texts)),
        ]
    )
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(table, target)
    joblib.dump(model, folder / "mixed.joblib")
    save_rows(folder / "mixed.rows", table.head(KEPT), model)
    scaler, onehot = (encoder.named_transformers_[name] for name in ("numbers", "texts"))
    known = {
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "categories": [list(map(str, each)) for each in onehot.categories_],
        "coefficients": model[-1].coef_[0].tolist(),
        "intercept": float(model[-1].intercept_[0]),
    }
    (folder / "mixed.json").write_text(json.dumps(known))


def save_rows(path: Path, table: pd.DataFrame, model: object) -> None:
    probability = model.predict_proba(table)[:, 1].astype(float).tolist()  # type: ignore[attr-defined]
    known = {"rows": table.to_dict("records"), "probability": probability}
    path.write_text(json.dumps(known))


if __name__ == "__main__":
    where = Path(sys.argv[1])
    floats(where)
    mixed(where)
