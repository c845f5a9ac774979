import json
import subprocess
import sys

import numpy as np
import pytest
import xgboost

from mlwright.bundle.runtimes.xgboost import load
from mlwright.core.errors import BundleError

ROWS = np.random.default_rng(0).normal(size=(300, 4))


def fitted(**params):
    classes = params.get("num_class", 2)
    target = np.digitize(ROWS[:, 0] + ROWS[:, 1], [-0.5, 0.5])[:, None] % classes
    table = xgboost.DMatrix(ROWS.astype(np.float32), target)
    return xgboost.train({"max_depth": 3, "nthread": 1, **params}, table, 10)


BINARY = fitted(objective="binary:logistic")


def data(booster):
    return bytes(booster.save_raw("json"))


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "binary:logistic"},
        {"objective": "reg:squarederror"},
        {"objective": "multi:softprob", "num_class": 3},
    ],
)
def test_it_gives_what_the_package_gives_to_the_bit(params):
    booster = fitted(**params)
    here = load(data(booster))
    rows = ROWS.copy()
    rows[::7, 2] = np.nan
    table = xgboost.DMatrix(rows.astype(np.float32))
    wanted = booster.predict(table).astype(np.float64)
    if "num_class" in params:
        wanted /= wanted.sum(axis=1, keepdims=True)
    assert np.array_equal(here.scores(rows), wanted)
    assert np.array_equal(here.scores(np.asfortranarray(rows)), wanted)
    told = booster.predict(table, pred_contribs=True, strict_shape=True)
    assert np.array_equal(here.contributions(rows), told)
    assert here.scores(rows[:0]).shape == wanted[:0].shape


def test_numbers_beyond_single_precision_are_the_largest_of_it():
    extreme = np.array([[1e300, -1e300, 0.0, 0.0]])
    limit = float(np.finfo(np.float32).max)
    limited = xgboost.DMatrix(np.array([[limit, -limit, 0.0, 0.0]], np.float32))
    assert load(data(BINARY)).scores(extreme) == BINARY.predict(limited)


def test_what_one_call_gave_outlives_the_next_and_the_model():
    here = load(data(BINARY))
    first = here.scores(ROWS[:5])
    kept = first.tolist()
    here.scores(ROWS[5:10])
    del here
    assert first.tolist() == kept


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"learner": {"learner_model_param": {"num_class": "0"}}}']
)
def test_what_is_no_model_is_refused(text):
    with pytest.raises(
        BundleError, match=r"^the (XGBoost model cannot be read|model's file is not sound): "
    ):
        load(text.encode())


def test_it_loads_neither_the_package_nor_what_comes_with_it(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(data(BINARY))
    code = """
import json, sys
import numpy as np
from pathlib import Path
from mlwright.bundle.runtimes.xgboost import load
score = load(Path(sys.argv[1]).read_bytes()).scores(np.zeros((1, 4)))
print(json.dumps(sorted({"xgboost", "pandas", "sklearn", "scipy"} & set(sys.modules))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
