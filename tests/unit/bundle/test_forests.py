"""Conversions that are known to go wrong elsewhere: here they are exact, or they are refused."""

import numpy as np
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from mlwright.bundle import forests, parity, trees
from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.runtimes import RUNTIMES
from mlwright.bundle.runtimes.sklearn import Estimator
from mlwright.bundle.trees import CannotCompile


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1, user_api="openmp"):
        yield


PLAN = Plan(tuple(NumberStep(name) for name in "abcd"))


def matrix(seed=0, *, nulls=True):
    """Doubles that singles cannot hold, few distinct values, and nulls."""
    generator = np.random.default_rng(seed)
    found = generator.normal(size=(400, 4))
    found[:, 1] = np.round(found[:, 1], 1)
    if nulls:
        found[generator.random(400) < 0.2, 2] = np.nan
    return found


def target(task, rows):
    value = rows[:, 0] + np.nan_to_num(rows[:, 2]) + rows[:, 1] ** 2
    cuts = {"binary": [1.0], "multiclass": [0.5, 1.5]}
    return np.digitize(value, cuts[task]) if task in cuts else value


def gap(runtime, data):
    """Score real and edge rows both ways; return the largest relative difference."""
    forest = forests.reader(runtime)(data)
    original = RUNTIMES.load(runtime)(data)
    graph = RUNTIMES.load("onnx")(trees.to_onnx(forest, 4))
    real = matrix(1)
    columns = dict(zip("abcd", real.T, strict=True))
    rows = np.vstack([real, parity.edge_rows(PLAN, columns, trees.thresholds(forest))])
    assert len(rows) > 500
    expected, found = original.scores(rows), graph.scores(rows)
    return (np.abs(found - expected) / np.maximum(1, np.abs(expected))).max()


@pytest.mark.parametrize(
    ("task", "params"),
    [
        ("binary", {"objective": "binary:logistic"}),
        ("binary", {"objective": "reg:logistic"}),
        ("binary", {"objective": "binary:logistic", "base_score": 0.1}),
        ("binary", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5}),
        ("binary", {"objective": "binary:logistic", "num_parallel_tree": 3}),
        ("multiclass", {"objective": "multi:softprob", "num_class": 3}),
        ("regression", {"objective": "reg:squarederror"}),
        ("regression", {"objective": "reg:absoluteerror"}),
        ("regression", {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5}),
        ("regression", {"objective": "reg:squarederror", "gamma": 1e9}),
    ],
)
def test_xgboost_is_exact_but_for_its_link(task, params):
    rows = matrix()
    data = xgboost.DMatrix(rows, target(task, rows))
    booster = xgboost.train({"nthread": 1, "seed": 0, **params}, data, 20)
    found = gap("xgboost", bytes(booster.save_raw("json")))
    assert found < (2e-7 if task != "regression" else 1e-6)
    if task == "regression" and "booster" not in params:
        assert found == 0


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"booster": "gblinear", "updater": "coord_descent"}, "its booster is gblinear"),
        ({"objective": "count:poisson"}, "its objective is count:poisson"),
        (
            {"objective": "multi:softprob", "num_class": 3, "multi_strategy": "multi_output_tree"},
            "its leaves hold a value a class",
        ),
    ],
)
def test_what_xgboost_has_no_graph_for_is_refused(params, reason):
    rows = matrix()
    data = xgboost.DMatrix(rows, target("multiclass", rows))
    booster = xgboost.train({"nthread": 1, **params}, data, 3)
    with pytest.raises(CannotCompile) as caught:
        forests.reader("xgboost")(bytes(booster.save_raw("json")))
    assert str(caught.value) == reason


def test_splits_on_categories_are_refused():
    rows = np.random.default_rng(0).integers(0, 9, size=(300, 1)).astype(float)
    data = xgboost.DMatrix(
        rows, rows[:, 0] % 3, feature_types=["c"], enable_categorical=True, nthread=1
    )
    booster = xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 3)
    with pytest.raises(CannotCompile, match="it splits on categories"):
        forests.reader("xgboost")(bytes(booster.save_raw("json")))


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("binary", RandomForestClassifier(30, random_state=0)),
        ("multiclass", RandomForestClassifier(20, random_state=0, min_samples_leaf=3)),
        ("regression", RandomForestRegressor(20, random_state=0)),
        ("regression", ExtraTreesRegressor(20, random_state=0)),
        ("multiclass", DecisionTreeClassifier(random_state=0)),
        ("binary", HistGradientBoostingClassifier(max_iter=30, random_state=0)),
        ("multiclass", HistGradientBoostingClassifier(max_iter=15, random_state=0)),
        ("regression", HistGradientBoostingRegressor(max_iter=30, random_state=0)),
        ("binary", GradientBoostingClassifier(n_estimators=30, random_state=0)),
        ("multiclass", GradientBoostingClassifier(n_estimators=15, random_state=0)),
        ("regression", GradientBoostingRegressor(n_estimators=30, random_state=0)),
        ("regression", GradientBoostingRegressor(n_estimators=9, loss="huber", random_state=0)),
    ],
)
def test_scikit_learn_is_exact(task, model):
    rows = matrix(nulls="Gradient" not in type(model).__name__ or "Hist" in type(model).__name__)
    model.fit(rows, target(task, rows))
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[task]
    assert gap("sklearn", Estimator(model, task, classes).pack()) < 1e-14


def test_a_class_that_the_rows_lacked_has_no_chance():
    rows = matrix()
    model = RandomForestClassifier(10, random_state=0).fit(rows, 2 * target("binary", rows))
    data = Estimator(model, "multiclass", 3).pack()
    assert gap("sklearn", data) == 0
    assert (RUNTIMES.load("sklearn")(data).scores(rows)[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (CalibratedClassifierCV(SVC()), "CalibratedClassifierCV is run by scikit-learn itself"),
        (GradientBoostingClassifier(init=DecisionTreeClassifier()), "it starts from another model"),
        (
            GradientBoostingClassifier(loss="exponential"),
            "it lacks a class, or its loss is not the log loss",
        ),
    ],
)
def test_what_scikit_learn_has_no_graph_for_is_refused(model, reason):
    rows = matrix(nulls=False)
    model.fit(rows, target("binary", rows))
    with pytest.raises(CannotCompile) as caught:
        forests.reader("sklearn")(Estimator(model, "binary", 2).pack())
    assert str(caught.value) == reason


def test_a_poisson_histogram_booster_is_refused():
    rows = matrix()
    model = HistGradientBoostingRegressor(loss="poisson", max_iter=3).fit(rows, rows[:, 1] ** 2)
    with pytest.raises(CannotCompile, match="its loss is poisson"):
        forests.reader("sklearn")(Estimator(model, "regression", 0).pack())
